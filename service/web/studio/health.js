/** The health panel: measurements of the incoming stream, findings with advice, and recent history. */

import { h } from "./dom.js";
import { bitrate, clock, number } from "./format.js";
import { historyView } from "./history.js";
import { icon } from "./icons.js";
import { panel } from "./panel.js";
import { poll } from "./poll.js";

const EVERY_MS = 5_000;
const NUDGE_MS = 3_000;

/** `icon` and `word` carry the same information as the colour. */
const SEVERITIES = {
  error: { icon: "error", word: "Problem" },
  warning: { icon: "warning", word: "Warning" },
  info: { icon: "info", word: "Note" },
};

export function healthPanel({ api, id, signal }) {
  const words = h("p", { class: "soft", role: "status" });
  const findings = h("ul", { class: "findings" });
  const facts = h("dl", { class: "figures" });
  const history = historyView();
  let found = "";

  /** Set the text only if it changed, so that screen readers do not repeat it. */
  const say = (text) => {
    if (words.textContent !== text) words.textContent = text;
  };
  const show = (health) => {
    say(summary(health));
    const latest = JSON.stringify(health.findings);
    if (latest !== found) findings.replaceChildren(...health.findings.map(finding));
    found = latest;
    facts.replaceChildren(...(health.measured_at ? figures(health) : []));
    history.show(health.history, health.connected);
  };
  const refresh = async () => {
    const health = await api.call("getStreamHealth", { channel: id });
    if (!signal.aborted) show(health);
  };
  const now = poll(refresh, EVERY_MS, signal);
  const element = panel({ title: "Incoming stream" }, words, findings, facts, history.element);
  return { element, nudge: () => setTimeout(now, NUDGE_MS) };
}

function summary({ measured, connected, measured_at: at, findings }) {
  if (!measured) return "This provider does not report measurements of the incoming stream.";
  if (!at) return connected ? "An encoder is connected. The first measurements follow in a few seconds." : "No encoder is connected. Measurements appear while an encoder is streaming.";
  if (!connected) return `No encoder is connected. Last measured at ${clock(at)}.`;
  const bad = findings.filter(({ severity }) => severity !== "info").length;
  return bad ? "Problems found:" : "No problems found.";
}

function finding({ severity, message, advice }) {
  const { icon: name, word } = SEVERITIES[severity] ?? SEVERITIES.info;
  return h(
    "li",
    { class: `finding ${severity}` },
    icon(name),
    h("div", {}, h("p", {}, h("b", {}, `${word}: `), message), advice && h("p", { class: "advice" }, advice)),
  );
}

function figures({ video, audio, encoder }) {
  const pair = (term, said) => said && h("div", {}, h("dt", {}, term), h("dd", {}, said));
  const list = (...parts) => parts.filter(Boolean).join(", ");
  const codec = (track) => [track.codec, track.profile, track.level].filter(Boolean).join(" ");
  return [
    pair("Video", video ? list(video.width && `${video.width} × ${video.height}`, video.fps && `${number(video.fps, 2)} fps`) : "None"),
    pair("Video codec", video && codec(video)),
    pair("Video bitrate", video?.bitrate_kbps != null && bitrate(video.bitrate_kbps)),
    pair("Keyframes", video?.keyframe_interval_seconds != null && `every ${number(video.keyframe_interval_seconds, 1)} s`),
    pair("B-frames", video?.b_frames != null && (video.b_frames ? "Yes" : "No")),
    pair("Audio", audio ? list(audio.sample_rate && `${number(audio.sample_rate / 1_000, 1)} kHz`, channels(audio.channels)) : "None"),
    pair("Audio codec", audio && codec(audio)),
    pair("Audio bitrate", audio?.bitrate_kbps != null && bitrate(audio.bitrate_kbps)),
    pair("Encoder", encoder),
  ].filter(Boolean);
}

function channels(count) {
  return { 1: "mono", 2: "stereo" }[count] ?? (count && `${count} channels`);
}
