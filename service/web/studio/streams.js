/** The list of streams: every channel with a live input, with its current state. */

import { pictureOf } from "../picture.js";
import { h } from "./dom.js";
import { select } from "./forms.js";
import { icon } from "./icons.js";
import { listScreen } from "./list_screen.js";
import { audience, badge, hasPicture, STATE_CHOICES } from "./states.js";

const EVERY_MS = 5_000;
/** The maximum age of a thumbnail. The service does not make them more often. */
const PICTURE_MS = 10_000;
const PICTURE_SIZE = { width: 640, height: 360, fit: "crop" };

export function streams(context) {
  const search = h("input", { type: "search", name: "search", "data-label": "Search by name", maxlength: 255 });
  const state = select("state", [["", "Any state"], ...STATE_CHOICES], "");
  state.setAttribute("data-label", "State");
  listScreen(context, {
    heading: "Streams",
    intro: "Every channel that has a live input.",
    route: "#/",
    operation: "listStreams",
    everyMs: EVERY_MS,
    filters: [search, state],
    list: h("ul", { class: "cards", "aria-label": "Streams" }),
    keyOf: (stream) => stream.channel,
    make: card,
    empty: (filtered, more) => {
      if (more) return ["Nothing on this page. The next page may have more."];
      if (filtered) return ["No streams match."];
      return ["There are no streams yet.", "Create a channel, open it and go live."];
    },
  });
}

function card({ channel }) {
  const picture = h("img", { alt: "", hidden: true, onerror: () => (picture.hidden = true), onload: () => (picture.hidden = false) });
  const name = h("h2", { dir: "auto" });
  const state = badge("");
  const people = h("span", { class: "soft" });
  const element = h(
    "li",
    {},
    h(
      "a",
      { class: "card link", href: `#/channel/${channel}` },
      h("div", { class: "picture" }, icon("camera"), picture),
      h("div", { class: "about" }, name, h("p", {}, state.element, people)),
    ),
  );
  const update = (stream) => {
    name.textContent = stream.channel_name;
    state.update(stream.state);
    people.textContent = audience(stream.state, stream.viewer_count);
    if (hasPicture(stream.state)) show(picture, pictureOf(stream.thumbnail, PICTURE_SIZE, PICTURE_MS));
    else picture.hidden = true;
  };
  return { element, update };
}

function show(picture, address) {
  if (picture.getAttribute("src") !== address) picture.src = address;
  else picture.hidden = !picture.naturalWidth;
}
