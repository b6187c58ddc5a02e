/** How the encoder's stream is, what would make it better, and how it went. */

import { h } from "./dom.js";
import { bitrate, clock, number } from "./format.js";
import { historyView } from "./history.js";
import { icon } from "./icons.js";
import { panel } from "./panel.js";
import { poll } from "./poll.js";

const EVERY_MS = 5_000;
const NUDGE_MS = 3_000;

/** `icon` and `word` say what the colour says. */
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

  /** Screen readers speak what is new, not what is set again. */
  const say = (text) => {
    if (words.textContent !== text) words.textContent = text;
  };
  const show = (health) => {
    say(summary(health));
    const news = JSON.stringify(health.findings);
    if (news !== found) findings.replaceChildren(...health.findings.map(finding));
    found = news;
    facts.replaceChildren(...(health.measured_at ? figures(health) : []));
    history.show(health.history, health.connected);
  };
  const look = async () => {
    const health = await api.call("getStreamHealth", { channel: id });
    if (!signal.aborted) show(health);
  };
  const now = poll(look, EVERY_MS, signal);
  const element = panel({ title: "Incoming stream" }, words, findings, facts, history.element);
  return { element, nudge: () => setTimeout(now, NUDGE_MS) };
}

function summary({ measured, connected, measured_at: at, findings }) {
  if (!measured) return "This stream's provider tells nothing about what comes in.";
  if (!at) return connected ? "An encoder is connected; the first figures come in a moment." : "No encoder is connected. Figures appear here while one streams.";
  if (!connected) return `No encoder is connected. These are the figures of ${clock(at)}.`;
  const bad = findings.filter(({ severity }) => severity !== "info").length;
  return bad ? "What would make it better for your viewers:" : "The stream comes in as it should.";
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
    pair("Picture", video ? list(video.width && `${video.width} × ${video.height}`, video.fps && `${number(video.fps, 2)} fps`) : "None"),
    pair("Picture codec", video && codec(video)),
    pair("Picture bitrate", video?.bitrate_kbps != null && bitrate(video.bitrate_kbps)),
    pair("Keyframes", video?.keyframe_interval_seconds != null && `every ${number(video.keyframe_interval_seconds, 1)} s`),
    pair("B-frames", video?.b_frames != null && (video.b_frames ? "Yes" : "No")),
    pair("Sound", audio ? list(audio.sample_rate && `${number(audio.sample_rate / 1_000, 1)} kHz`, channels(audio.channels)) : "None"),
    pair("Sound codec", audio && codec(audio)),
    pair("Sound bitrate", audio?.bitrate_kbps != null && bitrate(audio.bitrate_kbps)),
    pair("Encoder", encoder),
  ].filter(Boolean);
}

function channels(count) {
  return { 1: "mono", 2: "stereo" }[count] ?? (count && `${count} channels`);
}
