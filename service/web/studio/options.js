/** What the live input does when the encoder is away, and how soon visitors see what happens. */

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
    hint: "Counts from the next broadcast on.",
    control: select("latency_mode", LATENCY_MODES, stream.latency_mode),
  });
  const timeout = field({
    label: "Wait for a lost encoder (seconds)",
    hint: "After that the broadcast ends. 0 ends it at once.",
    control: h("input", { name: "reconnect_timeout", inputmode: "numeric", autocomplete: "off" }),
    read: () => {
      const text = timeout.control.value.trim();
      return DIGITS.test(text) ? Number(text) : text;
    },
  });
  const slate = field({
    label: "Slate image",
    hint: "The address of a picture shown while the encoder is away. Leave it empty for none.",
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
  /** Only what nobody is changing here: what is typed is not taken away. */
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
