/** The screen of one channel: preview, encoder settings, stream health, recordings and sessions. */

import { accessPanel } from "./access.js";
import { connectPanel } from "./connect.js";
import { h } from "./dom.js";
import { sentence } from "./errors.js";
import { healthPanel } from "./health.js";
import { icon } from "./icons.js";
import { optionsPanel } from "./options.js";
import { poll } from "./poll.js";
import { previewPanel } from "./preview.js";
import { recordingsPanel } from "./recordings.js";
import { say } from "./say.js";
import { sessionsPanel } from "./sessions.js";
import { audience, badge, LOST } from "./states.js";

/** Interval for rereading the live input: another user may change its key or options. */
const STREAM_EVERY_MS = 20_000;

export async function channel(context) {
  const { api, main, parameters, signal, title } = context;
  const [id] = parameters;
  const heading = h("h1", { tabindex: "-1", dir: "auto" }, "Channel");
  const state = badge("");
  const people = h("span", { class: "soft" });
  const lock = h("span", { class: "private soft", hidden: true }, icon("lock"), "Private");
  const body = h("div", { class: "channel" });
  main.append(
    h("a", { class: "up", href: "#/" }, icon("back"), "Streams"),
    h("div", { class: "head" }, h("div", {}, heading, h("p", { class: "facts" }, state.element, people, lock))),
    body,
  );
  title("Channel");
  try {
    const [found, stream] = await Promise.all([api.call("getChannel", { channel: id }), liveInput(api, id)]);
    if (signal.aborted) return;
    heading.textContent = found.name;
    title(found.name);
    lock.hidden = !found.is_private;
    const shown = { api, id, signal, isPrivate: found.is_private };
    const show = ({ state: now, viewer_count: count }) => {
      state.update(now);
      people.textContent = audience(now, count);
    };
    body.addEventListener("streamstatus", ({ detail }) => show(detail));
    body.addEventListener("streamconnection", ({ detail, target }) => {
      if (detail.lost) show({ state: LOST });
      else if (target.status) show(target.status);
    });
    if (stream) panels(body, shown, stream);
    else goLivePanel(body, shown);
  } catch (problem) {
    if (!signal.aborted) body.replaceChildren(h("p", { class: "problem", role: "alert" }, icon("error"), sentence(problem)));
  }
}

/** Return the channel's live input, or null if it has none. */
async function liveInput(api, channelId) {
  try {
    return await api.call("getStream", { channel: channelId });
  } catch (problem) {
    if (problem.status === 404) return null;
    throw problem;
  }
}

/** Show the "Go live" button, for a channel without a live input. */
function goLivePanel(body, shown) {
  const wrong = h("p", { class: "problem", role: "alert", hidden: true });
  const button = h("button", { class: "primary large", onclick: goLive }, icon("camera"), "Go live");
  async function goLive() {
    button.disabled = true;
    try {
      const stream = await shown.api.call("ensureStream", { channel: shown.id });
      if (shown.signal.aborted) return; // the user has left this screen
      panels(body, shown, stream);
      say("Server address and stream key created.");
      document.getElementById("connect")?.focus();
    } catch (problem) {
      wrong.hidden = false;
      wrong.replaceChildren(icon("error"), sentence(problem));
      button.disabled = false;
    }
  }
  body.replaceChildren(
    h(
      "section",
      { class: "card nothing" },
      h("h2", {}, "Go live in this channel"),
      h("p", { class: "soft" }, "You get a server address and a stream key for OBS or any other encoder. Visitors see nothing until the encoder starts streaming."),
      button,
      wrong,
    ),
  );
}

function panels(body, shown, stream) {
  const all = {};
  let changes = 0;
  const update = (now) => {
    for (const name of ["connect", "access", "options"]) all[name].update(now);
  };
  const changed = (now) => {
    changes++;
    update(now);
  };
  const context = { ...shown, changed };
  Object.assign(all, {
    preview: previewPanel(context, stream),
    health: healthPanel(context),
    connect: connectPanel(context, stream),
    access: accessPanel(context, stream),
    options: optionsPanel(context, stream),
    recordings: recordingsPanel(context),
    sessions: sessionsPanel(context),
  });
  body.replaceChildren(
    h("div", { class: "stage" }, all.preview.element, all.health.element),
    h("div", { class: "aside" }, all.connect.element, all.access.element, all.options.element),
    h("div", { class: "rest" }, all.recordings.element, all.sessions.element),
  );
  let before = "";
  body.addEventListener("streamstatus", ({ detail: { state } }) => {
    if (state === before) return;
    before = state;
    for (const name of ["health", "recordings", "sessions"]) all[name].nudge(state);
  });
  const refresh = async () => {
    const asked = changes;
    const now = await shown.api.call("getStream", { channel: shown.id });
    if (asked === changes) update(now); // otherwise the answer may predate a change made here
  };
  poll(refresh, STREAM_EVERY_MS, shown.signal, shown.api.follow("getStream", shown.signal, shown.id));
}
