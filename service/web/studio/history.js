/** Bitrate and viewers over the last minutes, as two charts and a table. */

import { chart } from "./chart.js";
import { h, moment } from "./dom.js";
import { bitrate, clock, number } from "./format.js";

/** The shortest time span shown. */
const MIN_SPAN_MS = 60_000;
const MAX_ROWS = 20;
/** The table is updated less often than the charts, so that it can be read. */
const TABLE_EVERY_MS = 30_000;
const COLUMNS = ["Time", "Video, kbit/s", "Audio, kbit/s", "Frames/s", "Viewers"];

/** Build the view. `show(points, isNow)` takes the service's points, oldest first; `isNow`: the last point is current. */
export function historyView() {
  const rates = chart({ title: "Bitrate", say: bitrate, tone: "rate" });
  const viewers = chart({ title: "Viewers", say: number, steps: true, tone: "people" });
  const body = h("tbody");
  let latest = [];
  let filledAt = 0;

  const fill = () => {
    filledAt = Date.now();
    body.replaceChildren(...sample(latest).map(row));
  };
  const show = (points, isNow) => {
    element.hidden = points.length === 0;
    if (element.hidden) return;
    const times = points.map(({ at }) => Date.parse(at));
    const to = times.at(-1);
    const from = Math.min(times[0], to - MIN_SPAN_MS);
    const series = (read) => points.map((point, index) => ({ at: times[index], value: read(point) }));
    const end = isNow ? "now" : clock(points.at(-1).at);
    rates.update(series(total), from, to, end);
    viewers.update(series((point) => point.viewer_count), from, to, end);
    latest = points;
    if (Date.now() - filledAt > TABLE_EVERY_MS) fill();
  };
  const element = h("div", { class: "history", hidden: true }, rates.element, viewers.element, table(body, fill));
  return { element, show };
}

function total({ video_kbps: video, audio_kbps: audio }) {
  return video + audio;
}

function table(body, onOpen) {
  return h(
    "details",
    { ontoggle: (event) => event.target.open && onOpen() },
    h("summary", {}, "Show as a table"),
    h(
      "div",
      { class: "scroll", tabindex: "0", role: "region", "aria-label": "Measurements of the last minutes" },
      h("table", {}, h("thead", {}, h("tr", {}, COLUMNS.map((text) => h("th", { scope: "col" }, text)))), body),
    ),
  );
}

/** Return at most MAX_ROWS points, evenly spaced, newest first. */
function sample(points) {
  const step = Math.ceil(points.length / MAX_ROWS);
  return points.toReversed().filter((_, index) => index % step === 0);
}

function row({ at, video_kbps: video, audio_kbps: audio, fps, viewer_count: count }) {
  return h(
    "tr",
    {},
    h("th", { scope: "row" }, moment(at, clock(at))),
    h("td", {}, number(video)),
    h("td", {}, number(audio)),
    h("td", {}, number(fps, 1)),
    h("td", {}, count === null ? "–" : number(count)),
  );
}
