/** The list of webhooks. */

import { ask } from "./dialog.js";
import { h, Rows } from "./dom.js";
import { sentence } from "./errors.js";
import { plural } from "./format.js";
import { icon } from "./icons.js";
import { pageLinks } from "./pages.js";
import { poll } from "./poll.js";
import { audienceField, endpointField, showSecret, subscriptionsField } from "./webhook_form.js";
import { webhookBadge } from "./webhook_state.js";

const EVERY_MS = 10_000;
const PAGE_SIZE = 24;
const NOT_A_MANAGER = "Webhooks are managed by the managers of the organization. Your token does not belong to one.";

export function webhooks(context) {
  const { api, main, query, signal, title } = context;
  const list = h("ul", { class: "rows card", "aria-label": "Webhooks", "aria-busy": "true" });
  const rows = new Rows(list, (webhook) => webhook.id, row);
  const nothing = h("div", { class: "nothing", hidden: true });
  const create = h("button", { class: "primary", hidden: true, onclick: () => newWebhook(api) }, icon("plus"), "New webhook");
  const pages = pageLinks((cursor) => `#/webhooks?${new URLSearchParams({ cursor })}`);
  const showNothing = (text) => {
    list.hidden = Boolean(text);
    nothing.hidden = !text;
    nothing.replaceChildren(h("p", {}, text));
  };
  const refresh = async () => {
    try {
      const page = await api.call("listWebhooks", { query: { page_size: PAGE_SIZE, ...Object.fromEntries(query) } });
      if (signal.aborted) return;
      list.removeAttribute("aria-busy");
      create.hidden = false;
      rows.show(page.results);
      pages.show(page);
      showNothing(page.results.length ? "" : "There are no webhooks yet. Create one to receive events at an address of yours.");
    } catch (problem) {
      if (!signal.aborted && list.hasAttribute("aria-busy")) showNothing(problem.status === 403 ? NOT_A_MANAGER : sentence(problem));
      throw problem;
    }
  };
  title("Webhooks");
  main.append(
    h(
      "div",
      { class: "head" },
      h("div", {}, h("h1", { tabindex: "-1" }, "Webhooks"), h("p", { class: "soft" }, "Changes are sent to your endpoints, signed and in order.")),
      create,
    ),
    list,
    nothing,
    pages.element,
  );
  poll(refresh, EVERY_MS, signal);
}

function row({ id }) {
  const url = h("span", { class: "name" });
  const state = webhookBadge();
  const about = h("span", { class: "soft facts" });
  const element = h("li", {}, h("a", { class: "row link", href: `#/webhook/${id}` }, h("span", { class: "grow" }, url, state.element), about));
  const update = (webhook) => {
    url.textContent = webhook.endpoint_url;
    about.textContent = `${plural(webhook.channel_subscriptions.length, "pattern")}${webhook.audience === "user" ? " · only yours" : ""}`;
    state.update(webhook);
  };
  return { element, update };
}

function newWebhook(api) {
  const everything = { channel_pattern: `/api/pub/v1/orgs/${api.organization}/**`, is_additions_subscribed: true, is_changes_subscribed: true, is_removals_subscribed: true };
  ask({
    title: "New webhook",
    fields: [endpointField(), subscriptionsField([everything]), audienceField()],
    action: "Create webhook",
    send: async (values) => {
      const made = await api.call("createWebhook", { body: values });
      showSecret(
        made.secret,
        ["Your endpoint verifies requests with this secret. It cannot be shown again.", "Anyone with the secret can forge requests to your endpoint. Keep it secret."],
        () => (location.hash = `#/webhook/${made.id}`),
      );
    },
  });
}
