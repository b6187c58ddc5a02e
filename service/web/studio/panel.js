/** A titled part of the channel's screen. */

import { freshId, h } from "./dom.js";

/** A section named by its heading; `tools` stand beside the heading. */
export function panel({ title, id = null, tools = [] }, ...content) {
  const name = freshId("panel");
  const heading = h("h2", { id: name }, title);
  return h(
    "section",
    { class: "card panel", "aria-labelledby": name, id, tabindex: id && "-1" },
    h("div", { class: "panel-head" }, heading, tools.length ? h("div", { class: "tools" }, tools) : null),
    content,
  );
}
