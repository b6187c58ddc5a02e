/** How a stream stands, in a word with a sign of its own shape: colour alone says nothing. */

import { h } from "./dom.js";
import { plural } from "./format.js";

/** `tone` is a class of the style sheet; `picture`: whether there is something to see now. */
const STATES = {
  offline: { word: "Offline", tone: "quiet", picture: false },
  connecting: { word: "Connecting", tone: "coming", picture: false },
  starting: { word: "Starting", tone: "coming", picture: false },
  live: { word: "Live", tone: "live", picture: true },
  reconnecting: { word: "Reconnecting", tone: "away", picture: true },
  ended: { word: "Ended", tone: "quiet", picture: false },
};

/** While the service does not answer. */
export const LOST = "lost";

const UNKNOWN = { word: "", tone: "quiet", picture: false };

/** The states there are, with their words. */
export const STATE_CHOICES = Object.entries(STATES).map(([state, { word }]) => [state, word]);

/** Whether a thumbnail of now can be had. */
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

/** "12 watching", while somebody could. */
export function audience(state, count) {
  return hasPicture(state) ? `${plural(count, "person", "people")} watching` : "";
}
