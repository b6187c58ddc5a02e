/** The panel of stream sessions and their viewer numbers, with a button that starts and stops a session. */

import { ask } from "./dialog.js";
import { h, moment } from "./dom.js";
import { sentence } from "./errors.js";
import { duration, number, shortDateTime } from "./format.js";
import { icon } from "./icons.js";
import { panel } from "./panel.js";
import { poll } from "./poll.js";
import { say } from "./say.js";

const EVERY_MS = 10_000;
const SHOWN = 10;
const REFRESH_AGAIN_MS = 2_000;

export function sessionsPanel({ api, id, signal }) {
  let running = false;
  const toggle = h("button", { onclick: () => (running ? stop() : start()) }, "Start session");
  const body = h("tbody");
  const table = h(
    "table",
    {},
    h("caption", { class: "unseen" }, "Sessions of this channel, newest first"),
    h("thead", {}, h("tr", {}, ["Started", "Length", "Peak", "Total"].map((text) => h("th", { scope: "col" }, text)))),
    body,
  );
  const note = h("p", { class: "hint" }, "A session starts when an encoder connects and stops when its broadcast ends. You can also start one manually. Peak is the highest number of viewers at the same time. Total is the number of different viewers.");
  const wrong = h("p", { class: "problem", role: "alert", hidden: true });

  const refresh = async () => {
    const page = await api.call("listStreamSessions", { channel: id, query: { page_size: SHOWN } });
    if (signal.aborted) return;
    running = page.results.some((session) => session.stopped_at === null);
    toggle.textContent = running ? "Stop session…" : "Start session";
    table.hidden = page.results.length === 0;
    body.replaceChildren(...page.results.map(row));
  };
  const change = async (action) => {
    await api.call("changeStreamSession", { channel: id, body: { action } });
    say(action === "start" ? "Session started." : "Session stopped.");
    now();
  };
  const start = async () => {
    try {
      await change("start");
      wrong.hidden = true;
    } catch (problem) {
      wrong.hidden = false;
      wrong.replaceChildren(icon("error"), sentence(problem));
    }
  };
  const stop = () =>
    ask({
      title: "Stop the session?",
      words: ["Viewers are counted up to now. The stream continues; stop it in your encoder."],
      action: "Stop the session",
      danger: true,
      send: () => change("stop"),
    });
  table.hidden = true;
  const now = poll(refresh, EVERY_MS, signal, api.follow("listStreamSessions", signal, id));
  const nudge = () => {
    now();
    setTimeout(now, REFRESH_AGAIN_MS);
  };
  return { element: panel({ title: "Sessions", tools: [toggle] }, table, wrong, note), nudge };
}

function row({ started_at: started, stopped_at: stopped, peak_viewers: most, unique_viewers: all }) {
  const seconds = (new Date(stopped ?? Date.now()) - new Date(started)) / 1_000;
  return h(
    "tr",
    {},
    h("th", { scope: "row" }, moment(started, shortDateTime(started))),
    h("td", {}, stopped ? duration(seconds) : h("span", { class: "badge live" }, "Running")),
    h("td", {}, number(most)),
    h("td", {}, number(all)),
  );
}
