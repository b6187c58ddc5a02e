/** How the encoder's stream is, what would make it better, and how it and its audience went over the last minutes. */

import { chart } from "./chart.js";
import { h, moment } from "./dom.js";
import { bitrate, clock, number } from "./format.js";
import { icon } from "./icons.js";
import { panel } from "./panel.js";
import { poll } from "./poll.js";

const EVERY_MS = 5_000;
const NUDGE_MS = 3_000;
/** The shortest stretch of time drawn. */
const MIN_SPAN_MS = 60_000;
const MAX_ROWS = 20;
const TABLE_EVERY_MS = 30_000;

/** `icon` and `word` say what the colour says. */
const SEVERITIES = {
  error: { icon: "error", word: "Problem" },
  warning: { icon: "warning", word: "Warning" },
  info: { icon: "info", word: "Note" },
};

export function healthPanel({ api, id, signal }) {
  const findings = h("ul", { class: "findings" });
  const facts = h("dl", { class: "figures" });
  const words = h("p", { class: "soft", role: "status" });
  const rates = chart({ title: "Bitrate", say: bitrate, tone: "rate" });
  const viewers = chart({ title: "Viewers", say: number, steps: true, tone: "people" });
  const body = h("tbody");
  const details = table(body, () => fill(latest));
  const history = h("div", { class: "history" }, rates.element, viewers.element, details);
  let latest = [];
  let said = "";
  let filledAt = 0;

  const show = (health) => {
    say(summary(health));
    const found = health.measured_at ? health.findings : [];
    if (JSON.stringify(found) !== said) findings.replaceChildren(...found.map(finding));
    said = JSON.stringify(found);
    facts.replaceChildren(...(health.measured_at ? figures(health) : []));
    history.hidden = health.history.length === 0;
    if (health.history.length) draw(health.history);
  };
  const draw = (points) => {
    const times = points.map(({ at }) => Date.parse(at));
    const to = Math.max(...times);
    const from = Math.min(times[0], to - MIN_SPAN_MS);
    const series = (read) => points.map((point, index) => ({ at: times[index], value: read(point) }));
    rates.update(series(total), from, to);
    viewers.update(series((point) => point.viewer_count ?? null), from, to);
    latest = points;
    if (Date.now() - filledAt > TABLE_EVERY_MS) fill(points);
  };
  /** Not at every answer: somebody may be reading. */
  const fill = (points) => {
    filledAt = Date.now();
    body.replaceChildren(...sample(points).map(row));
  };
  /** Screen readers speak what is new, not what is set again. */
  const say = (text) => {
    if (words.textContent !== text) words.textContent = text;
  };
  const look = async () => {
    try {
      const health = await api.call("getStreamHealth", { channel: id });
      if (!signal.aborted) show(health);
    } catch (problem) {
      if (problem.status === 404) say("There are no figures for this stream.");
      throw problem;
    }
  };
  history.hidden = true;
  const now = poll(look, EVERY_MS, signal);
  const element = panel({ title: "Incoming stream" }, words, findings, facts, history);
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

function total({ video_kbps: video, audio_kbps: audio }) {
  return video == null && audio == null ? null : (video ?? 0) + (audio ?? 0);
}

function table(body, onOpen) {
  const columns = ["Time", "Picture, kbit/s", "Sound, kbit/s", "Frames/s", "Viewers"];
  return h(
    "details",
    { ontoggle: (event) => event.target.open && onOpen() },
    h("summary", {}, "The same as a table"),
    h(
      "div",
      { class: "scroll", tabindex: "0", role: "region", "aria-label": "Figures of the last minutes" },
      h("table", {}, h("thead", {}, h("tr", {}, columns.map((text) => h("th", { scope: "col" }, text)))), body),
    ),
  );
}

/** At most MAX_ROWS of them, evenly, the newest first. */
function sample(points) {
  const step = Math.ceil(points.length / MAX_ROWS);
  return points.toReversed().filter((_, index) => index % step === 0);
}

function row({ at, video_kbps: video, audio_kbps: audio, fps, viewer_count: count }) {
  const cell = (value, say) => h("td", {}, value == null ? "–" : say(value));
  return h(
    "tr",
    {},
    h("th", { scope: "row" }, moment(at, clock(at))),
    cell(video, number),
    cell(audio, number),
    cell(fps, (value) => number(value, 1)),
    cell(count, number),
  );
}
