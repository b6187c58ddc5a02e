/** Links to the previous and the next page. */

import { cursorOf } from "./api.js";
import { h } from "./dom.js";

/** `addressOf(cursor)` returns a page's address; `show(page)` takes the response of a list operation. */
export function pageLinks(addressOf) {
  const element = h("nav", { class: "pages", "aria-label": "Pages", hidden: true });
  const link = (page, text) => {
    const cursor = cursorOf(page);
    return cursor && h("a", { class: "button", href: addressOf(cursor) }, text);
  };
  const show = ({ next, previous }) => {
    const links = [link(previous, "Previous page"), link(next, "Next page")].filter(Boolean);
    const texts = (all) => [...all].map(({ href, textContent }) => `${href} ${textContent}`).join();
    if (texts(links) === texts(element.children)) return; // keep the focus
    element.hidden = !links.length;
    element.replaceChildren(...links);
  };
  return { element, show };
}
