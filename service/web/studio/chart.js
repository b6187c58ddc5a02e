/** A line chart of the last minutes in SVG, with a text alternative. The calling module provides the table. */

import { h, svg } from "./dom.js";

const WIDTH = 600;
const HEIGHT = 120;
/** Axis maxima, times a power of ten. */
const NICE = [1, 2, 2.5, 5, 10];
const MIN_GAP_MS = 12_000;
/** Points further apart than this many median distances are not joined, because nothing was measured in between. */
const GAP_FACTOR = 3;

/**
 * Build a chart. `say(value)` formats a value. `steps` draws a step line, for counts.
 * `update(points, from, to, end)` takes points `{ at, value }`, times in ms, oldest first; a null value breaks the line. `end` labels
 * the end of the axis: "now" or a time.
 */
export function chart({ title, say, steps = false, tone }) {
  const line = svg("path", { class: "line" });
  const area = svg("path", { class: "area" });
  const grid = [0, 0.5, 1].map((part) => svg("line", { class: "grid", x1: 0, x2: WIDTH, y1: part * HEIGHT, y2: part * HEIGHT }));
  const drawing = svg(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", class: tone },
    grid,
    area,
    line,
  );
  const latest = h("span", { class: "latest" });
  const [top, middle] = [h("span"), h("span")];
  const scale = h("div", { class: "scale", "aria-hidden": "true" }, top, middle, h("span", {}, "0"));
  const [since, until] = [h("span"), h("span")];
  const element = h(
    "figure",
    { class: "chart" },
    h("figcaption", {}, h("span", {}, title), latest),
    h("div", { class: "plot" }, drawing, scale),
    h("div", { class: "times", "aria-hidden": "true" }, since, until),
  );

  const update = (points, from, to, end) => {
    const known = points.filter(({ value }) => value !== null);
    const values = known.map(({ value }) => value);
    const most = ceiling(Math.max(0, ...values));
    const place = ({ at, value }) => [((at - from) / (to - from)) * WIDTH, HEIGHT * (1 - value / most)];
    const runs = runsOf(points).map((run) => run.map(place));
    line.setAttribute("d", runs.map((run) => path(run, steps)).join(""));
    area.setAttribute("d", runs.map((run) => `${path(run, steps)}V${HEIGHT}H${run[0][0]}Z`).join(""));
    top.textContent = say(most);
    middle.textContent = say(most / 2);
    latest.textContent = known.length ? say(values.at(-1)) : "–";
    since.textContent = `${Math.max(1, Math.round((to - from) / 60_000))} min ${end === "now" ? "ago" : "before"}`;
    until.textContent = end;
    drawing.setAttribute("aria-label", inWords(title, values, say, end));
  };
  return { element, update };
}

function inWords(title, values, say, end) {
  if (!values.length) return `${title}: nothing measured yet.`;
  return `${title}: ${end} ${say(values.at(-1))}; between ${say(Math.min(...values))} and ${say(Math.max(...values))} in the time shown.`;
}

/** Return the next round number, at least 2, so that the middle label is readable. */
function ceiling(value) {
  if (value <= 2) return 2;
  const power = 10 ** Math.floor(Math.log10(value));
  return power * NICE.find((step) => step * power >= value);
}

function path(run, steps) {
  const [[x, y], ...rest] = run;
  return `M${x} ${y}${rest.map(([nextX, nextY]) => (steps ? `H${nextX}V${nextY}` : `L${nextX} ${nextY}`)).join("")}`;
}

/** Split the points into runs without gaps. */
function runsOf(points) {
  const distances = points.slice(1).map(({ at }, index) => at - points[index].at);
  const usual = distances.toSorted((a, b) => a - b)[Math.floor(distances.length / 2)] ?? 0;
  const runs = [];
  let before = null;
  for (const point of points) {
    if (point.value === null) {
      before = null;
      continue;
    }
    if (before && point.at - before.at <= Math.max(MIN_GAP_MS, GAP_FACTOR * usual)) runs.at(-1).push(point);
    else runs.push([point]);
    before = point;
  }
  return runs;
}
