/** Who may publish: a new key, and the input's switch. */

import { ask } from "./dialog.js";
import { h } from "./dom.js";
import { field, select } from "./forms.js";
import { spokenDuration } from "./format.js";
import { icon } from "./icons.js";
import { panel } from "./panel.js";
import { say } from "./say.js";

/** Seconds the old key still works. */
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
    const wait = now.reconnect_timeout ? `The broadcast waits ${spokenDuration(now.reconnect_timeout)} for it to come back with the new key, then it ends.` : "The broadcast ends then.";
    ask({
      title: "Make a new stream key?",
      words: [
        "Every encoder has to be given the new key before it can stream again.",
        `An encoder that is still streaming with the old key when that stops working is sent away, and told why. ${wait}`,
      ],
      fields: [overlap],
      action: "Make a new key",
      danger: true,
      send: async (values) => changed(await api.call("rotateKey", { channel: id, body: { overlap: Number(values.overlap) } })),
    });
  }

  function switchOff() {
    ask({
      title: "Switch this input off?",
      words: [
        "If a broadcast is running, it ends now and becomes a recording. Its encoder is sent away, and told why.",
        "No encoder gets in until you switch the input on again. The key stays the same.",
      ],
      action: "Switch off",
      danger: true,
      send: async () => {
        changed(await api.call("disableStream", { channel: id }));
        say("The input is switched off.");
      },
    });
  }

  function switchOn() {
    ask({
      title: "Switch this input on?",
      words: ["Encoders with the stream key may stream again."],
      action: "Switch on",
      send: async () => {
        changed(await api.call("enableStream", { channel: id }));
        say("The input is switched on.");
      },
    });
  }

  const update = (stream) => {
    now = stream;
    toggle.textContent = now.enabled ? "Switch input off…" : "Switch input on…";
    words.textContent = now.enabled ? "The input is on: encoders with the key may stream." : "The input is off: every encoder is refused.";
  };
  update(stream);
  return { element: panel({ title: "Key and access" }, words, h("div", { class: "buttons" }, rotate, toggle)), update };
}
