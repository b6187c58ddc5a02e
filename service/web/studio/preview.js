/** The preview: the visitors' player, without counting the streamer as a viewer. */

import { copyButton } from "./copy.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { panel } from "./panel.js";

export function previewPanel({ api, id, isPrivate }, stream) {
  const page = `${location.origin}/watch/${api.organization}/${id}`;
  const player = h("live-stream", {
    org: api.organization,
    channel: id,
    src: stream.view_url,
    uncounted: true,
    muted: true,
    "no-recording": true,
  });
  const links = isPrivate
    ? [h("p", { class: "hint" }, "A private channel has no public page.")]
    : [
        h("a", { class: "button", href: page, target: "_blank", rel: "noopener" }, icon("open"), "Watch page", h("span", { class: "unseen" }, "(opens in a new tab)")),
        copyButton("link to the watch page", () => page, "Copy link"),
      ];
  return { element: panel({ title: "Preview" }, player, h("div", { class: "buttons" }, links)) };
}
