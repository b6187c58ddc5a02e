/** The inboxes of the API channel: sources of messages from outside, such as another chat or a bot. */

import { hostOf } from "./api.js";
import { copyButton } from "./copy.js";
import { ask } from "./dialog.js";
import { h, Rows } from "./dom.js";
import { sentence } from "./errors.js";
import { icon } from "./icons.js";
import { fieldsOf, showSecrets } from "./inbox_form.js";
import { poll } from "./poll.js";
import { say } from "./say.js";

const EVERY_MS = 10_000;
/** The channels that can be chosen, newest first. */
const CHANNELS = 100;

export function inboxes(context) {
  const { api, main, signal, title } = context;
  let channels = new Map();
  const list = h("ul", { class: "rows card", "aria-label": "Inboxes", "aria-busy": "true" });
  const rows = new Rows(list, (inbox) => inbox.id, (inbox) => row(inbox, () => channels, (now) => change(api, now, channels, refreshNow)));
  const nothing = h("div", { class: "nothing", hidden: true });
  const create = h("button", { class: "primary", hidden: true, onclick: () => newInbox(api, channels, refreshNow) }, icon("plus"), "New inbox");
  const showNothing = (text) => {
    list.hidden = Boolean(text);
    nothing.hidden = !text;
    nothing.replaceChildren(h("p", {}, text));
  };
  const refresh = async () => {
    try {
      // Together: of an expired token, only `call` reports that.
      const [{ role }, page] = await Promise.all([api.account(), api.call("listChannels", { query: { page_size: CHANNELS } })]);
      const { payload } = await api.desk("GET", "inboxes");
      if (signal.aborted) return;
      channels = new Map(page.results.map(({ id, name }) => [id, name]));
      list.removeAttribute("aria-busy");
      create.hidden = role !== "administrator";
      list.classList.toggle("fixed", create.hidden);
      rows.show(payload);
      showNothing(payload.length ? "" : emptyText(role));
    } catch (problem) {
      if (!signal.aborted && list.hasAttribute("aria-busy")) showNothing(sentence(problem));
      throw problem;
    }
  };
  title("Inboxes");
  main.append(
    h(
      "div",
      { class: "head" },
      h("div", {}, h("h1", { tabindex: "-1" }, "Inboxes"), h("p", { class: "soft" }, "Messages from outside, such as another chat or a bot. Those of an inbox with a channel appear in the channel.")),
      create,
    ),
    list,
    nothing,
  );
  if (!api.hasDesk) return showNothing("Sign in with an API token to see inboxes.");
  const refreshNow = poll(refresh, EVERY_MS, signal);
}

function emptyText(role) {
  return role === "administrator" ? "There are no inboxes yet. Create one to receive messages from outside." : "There are no inboxes. They are created by the managers of the organization.";
}

function row(first, channels, edit) {
  let now = first;
  const name = h("span", { class: "name", dir: "auto" });
  const channel = h("a", {});
  const webhook = h("span", { class: "soft" });
  const identifier = h("code", {});
  const element = h(
    "li",
    { class: "row" },
    h("span", { class: "grow" }, name, webhook, channel),
    h("span", { class: "soft facts" }, h("span", {}, "Identifier ", identifier), copyButton("identifier", () => now.inbox_identifier)),
    h("button", { class: "change", onclick: () => edit(now) }, "Change…"),
  );
  const update = (inbox) => {
    now = inbox;
    name.textContent = inbox.name;
    webhook.textContent = inbox.webhook_url ? `Webhook at ${hostOf(inbox.webhook_url)}` : "No webhook";
    channel.hidden = !inbox.live_channel_id;
    channel.href = `#/channel/${inbox.live_channel_id}`;
    channel.textContent = channels().get(inbox.live_channel_id) ?? "Its channel";
    identifier.textContent = inbox.inbox_identifier;
  };
  return { element, update };
}

function newInbox(api, channels, refresh) {
  ask({
    title: "New inbox",
    fields: fieldsOf({}, channels),
    action: "Create inbox",
    send: async (values) => {
      showSecrets(await api.desk("POST", "inboxes", values));
      refresh();
    },
  });
}

function change(api, inbox, channels, refresh) {
  ask({
    title: "Change this inbox",
    fields: fieldsOf(inbox, channels),
    action: "Save",
    send: async (values) => {
      await api.desk("PATCH", `inboxes/${inbox.id}`, values);
      say("Inbox saved.");
      refresh();
    },
  });
}
