/** The fields of a webhook, and its subscriptions as lines of text. */

import { showDialog } from "./dialog.js";
import { copyButton } from "./copy.js";
import { h } from "./dom.js";
import { FieldError } from "./errors.js";
import { field, select } from "./forms.js";

const PATTERN = /^(\/\*\*|(\/([A-Za-z0-9._~-]+|\*))+(\/\*\*)?\/?)$/;
const ACTIONS = [
  ["added", "is_additions_subscribed"],
  ["changed", "is_changes_subscribed"],
  ["removed", "is_removals_subscribed"],
];
const AUDIENCES = [
  ["organization", "What all users of the organization can read"],
  ["user", "What I can read, including private channels"],
];

export function endpointField(url = "") {
  const control = h("input", { name: "endpoint_url", type: "url", autocomplete: "off", spellcheck: "false", maxlength: 2048 });
  control.value = url;
  return field({ label: "Endpoint URL", hint: "Must begin with https:// and be reachable from the internet.", control, read: () => control.value.trim() });
}

/** `subscriptions`: as the API returns them. */
export function subscriptionsField(subscriptions) {
  const control = h("textarea", { name: "channel_subscriptions", rows: 4, spellcheck: "false", class: "code" });
  control.value = subscriptions.map(lineOf).join("\n");
  return field({
    label: "Channel patterns",
    hint: "One path per line. * stands for any one segment, ** at the end for any rest. To receive only some actions, add them: /path added,removed",
    control,
    read: () => control.value.split("\n").map((line) => line.trim()).filter(Boolean).map(parse),
  });
}

export function audienceField() {
  return field({
    label: "Events",
    hint: "This cannot be changed later. A webhook that includes private channels is visible to you only.",
    control: select("audience", AUDIENCES, "organization"),
  });
}

/** Show a new secret. It cannot be shown again. `onClose` is called afterwards. */
export function showSecret(secret, words, onClose = () => {}) {
  const close = h("button", { type: "button", class: "primary", onclick: () => dialog.close() }, "Done");
  const content = [
    ...words.map((text) => h("p", {}, text)),
    h("div", { class: "field" }, h("div", { class: "above" }, h("span", { class: "label" }, "Signing secret"), copyButton("signing secret", () => secret)), h("output", { class: "value", "aria-label": "Signing secret" }, secret)),
    h("div", { class: "buttons" }, close),
  ];
  const dialog = showDialog("Store the signing secret", content);
  dialog.addEventListener("close", onClose);
}

function lineOf({ channel_pattern: pattern, ...flags }) {
  const wanted = ACTIONS.filter(([, flag]) => flags[flag]).map(([action]) => action);
  return wanted.length === ACTIONS.length ? pattern : `${pattern} ${wanted.join(",") || "none"}`;
}

function parse(line) {
  const [pattern, actions = "added,changed,removed", ...more] = line.split(/\s+/);
  if (!PATTERN.test(pattern) || more.length) throw new FieldError("channel_subscriptions", `This is not a path pattern: ${line}`);
  const wanted = actions === "none" ? [] : actions.split(",");
  const unknown = wanted.find((action) => !ACTIONS.some(([name]) => name === action));
  if (unknown !== undefined) throw new FieldError("channel_subscriptions", `The actions are added, changed and removed, not “${unknown}”.`);
  return { channel_pattern: pattern, ...Object.fromEntries(ACTIONS.map(([action, flag]) => [flag, wanted.includes(action)])) };
}
