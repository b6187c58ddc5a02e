/** A titled section of the channel screen. */

import { freshId, h } from "./dom.js";

/** Build a section that is labelled by its heading. `tools` are placed beside the heading. */
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
