/** The options panel: latency mode, reconnect timeout and slate image. */

import { h } from "./dom.js";
import { field, form, select } from "./forms.js";
import { panel } from "./panel.js";
import { say } from "./say.js";

const LATENCY_MODES = [
  ["standard", "Standard: segments of about 2 s"],
  ["reduced", "Reduced: a segment at every keyframe"],
  ["low", "Low: parts of a third of a second (LL-HLS)"],
];
const DIGITS = /^\d+$/;

export function optionsPanel({ api, id, changed }, stream) {
  const latency = field({
    label: "Latency",
    hint: "Applies from the next broadcast.",
    control: select("latency_mode", LATENCY_MODES, stream.latency_mode),
  });
  const timeout = field({
    label: "Reconnect timeout (seconds)",
    hint: "How long the broadcast stays open after the encoder disconnects. 0 ends it at once.",
    control: h("input", { name: "reconnect_timeout", inputmode: "numeric", autocomplete: "off" }),
    read: () => {
      const text = timeout.control.value.trim();
      return DIGITS.test(text) ? Number(text) : text;
    },
  });
  const slate = field({
    label: "Slate image",
    hint: "URL of an image shown while the encoder is disconnected. Optional.",
    control: h("input", { name: "slate_image_url", type: "url", autocomplete: "off", spellcheck: "false" }),
    read: () => slate.control.value.trim() || null,
  });
  const fields = [latency, timeout, slate];
  const save = h("button", {}, "Save");
  const element = form({
    fields,
    send: async (values) => {
      changed(await api.call("ensureStream", { channel: id, body: values }));
      say("Options saved.");
      save.textContent = "Saved";
    },
    buttons: [save],
  });
  element.addEventListener("input", () => (save.textContent = "Save"));

  let shown = {};
  /** Update only fields without unsaved edits. */
  const update = (now) => {
    for (const { name, control } of fields) {
      const text = String(now[name] ?? "");
      if (shown[name] === undefined || control.value === shown[name]) control.value = text;
      shown[name] = text;
    }
  };
  update(stream);
  return { element: panel({ title: "Options" }, element), update };
}
