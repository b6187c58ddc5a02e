/** The list of all channels of the organization, with or without a live input. */

import { h, moment } from "./dom.js";
import { dateTime, plural } from "./format.js";
import { icon } from "./icons.js";
import { listScreen } from "./list_screen.js";

const EVERY_MS = 30_000;

export function allChannels(context) {
  listScreen(context, {
    heading: "All channels",
    intro: "Each channel can have one stream. Open a channel to go live.",
    route: "#/channels",
    operation: "listChannels",
    everyMs: EVERY_MS,
    filters: [h("input", { type: "search", name: "search", "data-label": "Search by name", maxlength: 255 })],
    list: h("ul", { class: "rows card", "aria-label": "Channels" }),
    keyOf: (channel) => channel.id,
    make: row,
    empty: (filtered) => (filtered ? ["No channels match."] : ["There are no channels yet. Create the first one."]),
  });
}

function row({ id, created_at: created }) {
  const name = h("span", { class: "name", dir: "auto" });
  const lock = h("span", { class: "private soft" }, icon("lock"), "Private");
  const about = h("span", { class: "soft" });
  const element = h(
    "li",
    {},
    h(
      "a",
      { class: "row link", href: `#/channel/${id}` },
      h("span", { class: "grow" }, name, lock),
      h("span", { class: "soft facts" }, about, h("span", {}, "created ", moment(created, dateTime(created)))),
    ),
  );
  const update = (channel) => {
    name.textContent = channel.name;
    lock.hidden = !channel.is_private;
    about.textContent = plural(channel.member_count, "member");
  };
  return { element, update };
}
