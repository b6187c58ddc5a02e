/** The fields of an inbox, and the secrets of a new one. */

import { copyButton } from "./copy.js";
import { showDialog } from "./dialog.js";
import { h } from "./dom.js";
import { field, select } from "./forms.js";

const SECRETS = [
  ["inbox_identifier", "Identifier", "Part of the address for contacts' apps. It is not secret."],
  ["secret", "Webhook secret", "Your bridge verifies webhooks with it."],
  ["hmac_token", "HMAC token", "Your server signs the identities of contacts with it."],
];

/** Return the fields, filled from `inbox`. `channels`: the names of the channels by id. */
export function fieldsOf(inbox, channels) {
  const name = h("input", { name: "name", autocomplete: "off", maxlength: 255 });
  name.value = inbox.name ?? "";
  const url = h("input", { name: "webhook_url", type: "url", autocomplete: "off", spellcheck: "false", maxlength: 2048 });
  url.value = inbox.webhook_url ?? "";
  const bound = inbox.live_channel_id ?? "";
  const known = bound && !channels.has(bound) ? [[bound, "The present channel"]] : [];
  const mandatory = h("input", { type: "checkbox", name: "hmac_mandatory" });
  mandatory.checked = Boolean(inbox.hmac_mandatory);
  const channel = select("live_channel_id", [["", "None"], ...known, ...channels], bound);
  return [
    field({ label: "Name", control: name, read: () => name.value.trim() }),
    field({ label: "Webhook URL (optional)", hint: "Replies are sent there. Must begin with https:// and be reachable from the internet.", control: url, read: () => url.value.trim() }),
    field({ label: "Channel", hint: "Messages appear in its room. A reply there goes back to the contact.", control: channel, read: () => channel.value || null }),
    field({ label: "Require signed identities", hint: "Contacts' apps must send an HMAC of their identifier.", control: mandatory, read: () => mandatory.checked }),
  ];
}

/** Show what a new inbox's bridge needs. */
export function showSecrets(inbox) {
  const close = h("button", { type: "button", class: "primary", onclick: () => dialog.close() }, "Done");
  const values = SECRETS.map(([member, label, hint]) =>
    h(
      "div",
      { class: "field" },
      h("div", { class: "above" }, h("span", { class: "label" }, label), copyButton(label.toLowerCase(), () => inbox[member])),
      h("output", { class: "value", "aria-label": label }, inbox[member]),
      h("p", { class: "hint" }, hint),
    ),
  );
  const words = h("p", {}, "Store the secrets. This page does not show them again. Anyone with the webhook secret can forge requests to your bridge.");
  const dialog = showDialog("The inbox is created", [words, ...values, h("div", { class: "buttons" }, close)]);
}
