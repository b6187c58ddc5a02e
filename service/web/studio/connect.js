/** The encoder's connection settings (server, stream key) with the steps for OBS. */

import { copyButton } from "./copy.js";
import { freshId, h } from "./dom.js";
import { icon } from "./icons.js";
import { panel } from "./panel.js";
import { say } from "./say.js";

const MASK = "•".repeat(24);

export function connectPanel(_, stream) {
  let now = stream;
  let revealed = false;
  const server = value("Server", "server URL", () => now.rtmps_url);
  const plain = value("Unencrypted server", "unencrypted server URL", () => now.rtmp_url ?? "", {
    hint: "Plain RTMP: for this computer and private networks, where no certificate is needed.",
  });
  const reveal = h("button", { type: "button", onclick: () => show(!revealed) }, icon("eye"), h("span", {}, "Show"));
  const key = value("Stream key", "stream key", () => now.stream_key, {
    hint: "Anyone with this key can stream to this channel. Keep it secret. If it has leaked, create a new key below.",
    tools: [reveal],
  });
  const off = h("p", { class: "notice warning", hidden: true }, icon("warning"), "Encoders are refused: this channel's input is disabled.");
  const show = (wanted) => {
    revealed = wanted;
    const masked = [h("span", { "aria-hidden": "true" }, MASK), h("span", { class: "unseen" }, "Hidden")];
    key.text.replaceChildren(...(revealed ? [now.stream_key] : masked));
    reveal.lastChild.textContent = revealed ? "Hide" : "Show";
    reveal.setAttribute("aria-label", `${revealed ? "Hide" : "Show"} stream key`);
    reveal.setAttribute("aria-pressed", String(revealed));
  };
  const update = (changed) => {
    if (changed.stream_key !== now.stream_key) {
      say("The stream key has changed.");
      revealed = false;
    }
    now = changed;
    server.text.textContent = now.rtmps_url;
    plain.element.hidden = !now.rtmp_url;
    plain.text.textContent = now.rtmp_url ?? "";
    off.hidden = now.enabled;
    show(revealed);
  };
  update(stream);
  const element = panel({ title: "Connect your encoder", id: "connect" }, off, server.element, key.element, plain.element, steps());
  return { element, update };
}

/** A labelled, read-only value with a copy button. `what` is its name for screen readers. */
function value(label, what, read, { hint = "", tools = [] } = {}) {
  const id = freshId("value");
  const text = h("code", { class: "value", id, role: "textbox", "aria-readonly": "true", "aria-label": label, tabindex: "0" });
  const element = h(
    "div",
    { class: "field" },
    h("div", { class: "above" }, h("span", { class: "label", "aria-hidden": "true" }, label), h("div", { class: "tools" }, tools, copyButton(what, read))),
    text,
    hint && h("p", { class: "hint" }, hint),
  );
  return { element, text };
}

function steps() {
  const menu = (text) => h("b", {}, text);
  const code = (text) => h("code", {}, text);
  return h(
    "details",
    { class: "steps" },
    h("summary", {}, "Set up OBS, step by step"),
    h(
      "ol",
      {},
      h("li", {}, "Open ", menu("Settings → Stream"), ". Set ", menu("Service"), " to ", menu("Custom…")),
      h("li", {}, "Copy the server above into ", menu("Server"), " and the stream key into ", menu("Stream Key"), "."),
      h(
        "li",
        {},
        "Open ",
        menu("Settings → Output → Output Mode: Advanced → Streaming"),
        " and set ",
        menu("Keyframe Interval: 2 s"),
        ". The OBS default (0 = auto) is one keyframe every 250 frames: 8.3 seconds at 30 frames per second. Viewers cannot start between keyframes. Use H.264 for video and AAC for audio.",
      ),
      h(
        "li",
        {},
        "If OBS cannot connect, it may not trust the server's certificate. Ask the operator of the service for the file ",
        code("ca.pem"),
        " (in the data folder, under ",
        code("tls"),
        ") and import it on the computer with OBS as a trusted root certificate. The command ",
        code("python -m service doctor"),
        " prints the steps for Windows, macOS and Linux. The unencrypted server, if there is one, needs no certificate.",
      ),
      h("li", {}, "Press ", menu("Start Streaming"), ". The preview starts about one keyframe interval later."),
    ),
    h(
      "p",
      { class: "hint" },
      "If the connection drops, OBS reconnects automatically and the broadcast continues. If the server refuses a stream, the reason is in the OBS log (Help → Log Files).",
    ),
  );
}
