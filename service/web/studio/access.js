/** Stream key rotation, and enabling or disabling the input. */

import { ask } from "./dialog.js";
import { h } from "./dom.js";
import { field, select } from "./forms.js";
import { spokenDuration } from "./format.js";
import { icon } from "./icons.js";
import { panel } from "./panel.js";
import { say } from "./say.js";

/** Choices for the overlap: seconds during which the old key keeps working. */
const OVERLAPS = [
  ["0", "stops working now"],
  ["600", "works for 10 more minutes"],
  ["3600", "works for 1 more hour"],
  ["86400", "works for 1 more day"],
];

export function accessPanel({ api, id, changed }, stream) {
  let now = stream;
  const rotate = h("button", { onclick: rotateKey }, icon("key"), "New stream key…");
  const toggle = h("button", { onclick: () => (now.enabled ? switchOff() : switchOn()) });
  const words = h("p", { class: "hint" });

  function rotateKey() {
    const overlap = field({ label: "The old key", control: select("overlap", OVERLAPS, "0") });
    const wait = now.reconnect_timeout ? `The broadcast stays open for ${spokenDuration(now.reconnect_timeout)} so that the encoder can reconnect with the new key.` : "The broadcast then ends.";
    ask({
      title: "Create a new stream key?",
      words: [
        "Every encoder needs the new key before it can stream again.",
        `An encoder that still uses the old key when it expires is disconnected with the reason. ${wait}`,
      ],
      fields: [overlap],
      action: "Create key",
      danger: true,
      send: async (values) => changed(await api.call("rotateKey", { channel: id, body: { overlap: Number(values.overlap) } })),
    });
  }

  function switchOff() {
    ask({
      title: "Disable this input?",
      words: [
        "A running broadcast ends now and becomes a recording. Its encoder is disconnected with the reason.",
        "Encoders are refused until you enable the input again. The stream key stays the same.",
      ],
      action: "Disable",
      danger: true,
      send: async () => {
        changed(await api.call("disableStream", { channel: id }));
        say("The input is disabled.");
      },
    });
  }

  function switchOn() {
    ask({
      title: "Enable this input?",
      words: ["Encoders with the stream key can stream again."],
      action: "Enable",
      send: async () => {
        changed(await api.call("enableStream", { channel: id }));
        say("The input is enabled.");
      },
    });
  }

  const update = (stream) => {
    now = stream;
    toggle.textContent = now.enabled ? "Disable input…" : "Enable input…";
    words.textContent = now.enabled ? "The input is enabled. Encoders with the stream key can stream." : "The input is disabled. Every encoder is refused.";
  };
  update(stream);
  return { element: panel({ title: "Key and access" }, words, h("div", { class: "buttons" }, rotate, toggle)), update };
}
