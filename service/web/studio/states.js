/** Badges for stream states. Each state has a word and a shape, because colour alone is not accessible. */

import { h } from "./dom.js";
import { plural } from "./format.js";

/** `tone` is a class of the style sheet. `picture` says whether a current thumbnail exists. */
const STATES = {
  offline: { word: "Offline", tone: "quiet", picture: false },
  connecting: { word: "Connecting", tone: "coming", picture: false },
  starting: { word: "Starting", tone: "coming", picture: false },
  live: { word: "Live", tone: "live", picture: true },
  reconnecting: { word: "Reconnecting", tone: "away", picture: true },
  ended: { word: "Ended", tone: "quiet", picture: false },
};

/** Shown while the service does not answer. */
export const LOST = "lost";

const UNKNOWN = { word: "", tone: "quiet", picture: false };

/** [state, label] pairs for a select control. */
export const STATE_CHOICES = Object.entries(STATES).map(([state, { word }]) => [state, word]);

/** Return whether a current thumbnail exists in this state. */
export function hasPicture(state) {
  return (STATES[state] ?? UNKNOWN).picture;
}

/** A badge; `update(state)` changes it. */
export function badge(state) {
  const element = h("span");
  const update = (now) => {
    const { word, tone } = now === LOST ? { word: "Trying to reconnect…", tone: "lost" } : (STATES[now] ?? UNKNOWN);
    element.className = `badge ${tone}`;
    element.textContent = word;
    element.hidden = !word;
  };
  update(state);
  return { element, update };
}

/** Return "12 people watching" in states with video, otherwise an empty string. */
export function audience(state, count) {
  return hasPicture(state) ? `${plural(count, "person", "people")} watching` : "";
}
