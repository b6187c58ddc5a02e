/** The state of a webhook and of a delivery, in words and shapes. */

import { h } from "./dom.js";

const REASONS = {
  client: "It was disabled by a user.",
  failing: "It was disabled because every attempt of an event failed, the last one after several days.",
  gone: "It was disabled because the endpoint answered 410 (gone).",
  owner_removed: "It was disabled because its user was deleted or is no longer a manager.",
};
const DELIVERIES = {
  pending: { word: "Waiting", tone: "quiet" },
  started: { word: "Sending", tone: "coming" },
  successful: { word: "Delivered", tone: "good" },
  failed: { word: "Failed", tone: "bad" },
};

/** A badge; `update(webhook)` changes it. */
export function webhookBadge() {
  const element = h("span", { class: "badge" });
  const update = (webhook) => {
    const { word, tone } = stateOf(webhook);
    element.className = `badge ${tone}`;
    element.textContent = word;
  };
  return { element, update };
}

function stateOf({ is_enabled: enabled, retry_index: failures }) {
  if (!enabled) return { word: "Disabled", tone: "quiet" };
  return failures ? { word: "Retrying", tone: "away" } : { word: "Enabled", tone: "good" };
}

/** Return why the webhook is disabled; "" if it is not. */
export function reasonOf({ disabled_because: reason }) {
  return REASONS[reason] ?? "";
}

export function deliveryBadge(status) {
  const { word, tone } = DELIVERIES[status];
  return h("span", { class: `badge ${tone}` }, word);
}
