/** The screen of one webhook: its state, its settings and the log of its deliveries. */

import { hostOf } from "./api.js";
import { deliveriesPanel } from "./deliveries.js";
import { ask } from "./dialog.js";
import { h } from "./dom.js";
import { FieldError, sentence } from "./errors.js";
import { field, form } from "./forms.js";
import { dateTime, number } from "./format.js";
import { icon } from "./icons.js";
import { panel } from "./panel.js";
import { poll } from "./poll.js";
import { say } from "./say.js";
import { endpointField, showSecret, subscriptionsField } from "./webhook_form.js";
import { reasonOf, webhookBadge } from "./webhook_state.js";

const EVERY_MS = 5_000;
const DIGITS = /^\d{1,15}$/;

export async function webhook(context) {
  const { api, main, parameters, signal, title } = context;
  const [id] = parameters;
  const heading = h("h1", { tabindex: "-1" }, "Webhook");
  const state = webhookBadge();
  state.element.hidden = true;
  const words = h("p", { class: "soft" });
  const body = h("div", { class: "channel" });
  main.append(
    h("a", { class: "up", href: "#/webhooks" }, icon("back"), "Webhooks"),
    h("div", { class: "head" }, h("div", {}, heading, h("p", { class: "facts" }, state.element, words))),
    body,
  );
  title("Webhook");
  try {
    const found = await api.call("getWebhook", { webhook: id });
    if (signal.aborted) return;
    const update = (now) => {
      heading.textContent = hostOf(now.endpoint_url);
      state.element.hidden = false;
      state.update(now);
      words.textContent = reasonOf(now) || progress(now);
    };
    update(found);
    title(heading.textContent);
    panels(body, { api, id, signal }, found, update);
  } catch (problem) {
    if (!signal.aborted) body.replaceChildren(h("p", { class: "problem", role: "alert" }, icon("error"), sentence(problem)));
  }
}

function progress({ retry_index: failures, next_attempt_at: next, last_event_id: last, missed_events: missed }) {
  const lost = missed ? ` Events ${number(missed.first)} to ${number(missed.last)} were purged before they could be delivered.` : "";
  if (!failures) return `Delivered up to event ${number(last)}.${lost}`;
  return `${failures === 1 ? "One attempt" : `${failures} attempts`} of the next event failed. ${next ? `The next one is due at ${dateTime(next)}.` : ""}${lost}`;
}

function panels(body, context, found, update) {
  const deliveries = deliveriesPanel(context);
  const actions = actionsPanel(context, found, deliveries.now, (now) => show(now));
  const show = (now) => {
    update(now);
    actions.update(now);
  };
  body.replaceChildren(
    h("div", { class: "stage" }, deliveries.element),
    h("div", { class: "aside" }, actions.element, settingsPanel(context, found, show)),
  );
  poll(async () => {
    const now = await context.api.call("getWebhook", { webhook: context.id });
    if (!context.signal.aborted) show(now);
  }, EVERY_MS, context.signal);
}

function settingsPanel({ api, id }, found, changed) {
  const save = h("button", {}, "Save");
  const element = form({
    fields: [endpointField(found.endpoint_url), subscriptionsField(found.channel_subscriptions)],
    send: async (values) => {
      changed(await api.call("changeWebhook", { webhook: id, body: values }));
      say("Webhook saved.");
      save.textContent = "Saved";
    },
    buttons: [save],
  });
  element.addEventListener("input", () => (save.textContent = "Save"));
  const audience = found.audience === "user" ? "It sees what you can read, including private channels, and is visible to you only." : "It sees what all users of the organization can read.";
  return panel({ title: "Settings" }, h("p", { class: "hint" }, audience), element);
}

function actionsPanel({ api, id }, found, refresh, changed) {
  let now = found;
  const wrong = h("p", { class: "problem", role: "alert", hidden: true });
  const test = h("button", { class: "primary", onclick: sendTest }, "Send a test");
  const toggle = h("button", { onclick: () => (now.is_enabled ? disable() : enable()) });

  async function sendTest() {
    try {
      await api.call("testWebhook", { webhook: id });
      wrong.hidden = true;
      say("The test is sent. Its result appears in the deliveries.");
      refresh();
    } catch (problem) {
      wrong.hidden = false;
      wrong.replaceChildren(icon("error"), sentence(problem));
    }
  }

  const set = async (isEnabled) => {
    changed(await api.call("changeWebhook", { webhook: id, body: { is_enabled: isEnabled } }));
    say(isEnabled ? "The webhook is enabled." : "The webhook is disabled.");
  };
  const disable = () =>
    ask({
      title: "Disable this webhook?",
      words: ["No events are sent until you enable it again. Events stay in the log for seven days and are delivered then."],
      action: "Disable",
      danger: true,
      send: () => set(false),
    });
  const enable = () =>
    ask({ title: "Enable this webhook?", words: ["Delivery continues after the last event that was delivered."], action: "Enable", send: () => set(true) });

  function rotate() {
    ask({
      title: "Create a new signing secret?",
      words: ["For a day, requests are signed with both secrets, so that you can replace the old one in your endpoint."],
      action: "Create secret",
      send: async () => {
        const { secret } = await api.call("rotateWebhookSecret", { webhook: id });
        showSecret(secret, ["Replace the old secret in your endpoint within a day. The new one cannot be shown again."]);
      },
    });
  }

  function replay() {
    const since = field({ label: "After event", hint: "All subscribed events after this one are sent again, in order.", control: h("input", { name: "since", inputmode: "numeric", autocomplete: "off" }) });
    ask({
      title: "Send events again?",
      words: [`The last delivered event is ${now.last_event_id}. Your endpoint recognizes repeated events by their webhook-id.`],
      fields: [since],
      action: "Send again",
      send: async (values) => {
        if (!DIGITS.test(values.since.trim())) throw new FieldError("since", "Enter the number of an event.");
        changed(await api.call("replayWebhook", { webhook: id, body: { since: Number(values.since) } }));
        say("The events are sent again.");
        refresh();
      },
    });
  }

  const remove = () =>
    ask({
      title: "Delete this webhook?",
      words: ["Its secret and its log of deliveries are deleted. This cannot be undone."],
      action: "Delete webhook",
      danger: true,
      send: async () => {
        await api.call("deleteWebhook", { webhook: id });
        location.hash = "#/webhooks";
      },
    });

  const update = (webhook) => {
    now = webhook;
    toggle.textContent = now.is_enabled ? "Disable…" : "Enable…";
  };
  update(found);
  const buttons = h(
    "div",
    { class: "buttons" },
    test,
    toggle,
    h("button", { onclick: replay }, "Send events again…"),
    h("button", { onclick: rotate }, icon("key"), "New secret…"),
    h("button", { onclick: remove }, "Delete…"),
  );
  return { element: panel({ title: "Actions" }, buttons, wrong), update };
}
