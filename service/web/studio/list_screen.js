/** What both lists share: a search that is in the address, pages, and asking again while somebody looks. */

import { cursorOf } from "./api.js";
import { freshId, h, Rows } from "./dom.js";
import { sentence } from "./errors.js";
import { icon } from "./icons.js";
import { newChannel } from "./new_channel.js";
import { poll } from "./poll.js";

const PAGE_SIZE = 24;
const TYPING_MS = 250;

/**
 * `heading`, `intro`; `route`: "#/…" of this screen; `operation`, asked every `everyMs`; `filters`: controls whose names are query
 * parameters; `list`: the element for the rows; `keyOf` and `make` of a row (see Rows); `empty(filtered)`: what to say to nothing.
 */
export function listScreen(context, { heading, intro, route, operation, everyMs, filters, list, keyOf, make, empty }) {
  const { api, main, query, signal, title } = context;
  title(heading);
  const rows = new Rows(list, keyOf, make);
  const nothing = h("div", { class: "nothing" });
  const pages = h("nav", { class: "pages", "aria-label": "Pages", hidden: true });
  let parameters = Object.fromEntries(query);

  const ask = async () => {
    const asked = parameters;
    try {
      const page = await api.call(operation, { query: { page_size: PAGE_SIZE, ...asked } });
      if (signal.aborted || asked !== parameters) return;
      list.removeAttribute("aria-busy");
      rows.show(page.results);
      showNothing(page.results.length ? [] : empty(isFiltered(asked), Boolean(page.next)));
      showPages(page);
    } catch (problem) {
      if (!signal.aborted && list.hasAttribute("aria-busy")) showNothing([sentence(problem)]);
      throw problem;
    }
  };
  const showNothing = (words) => {
    nothing.hidden = !words.length;
    nothing.replaceChildren(...words.map((text) => h("p", {}, text)));
  };
  const link = (page, text) => {
    const cursor = cursorOf(page);
    return cursor && h("a", { class: "button", href: `${route}?${new URLSearchParams({ ...chosen(), cursor })}` }, text);
  };
  const showPages = ({ next, previous }) => {
    const links = [link(previous, "Previous page"), link(next, "Next page")].filter(Boolean);
    if (pages.contains(document.activeElement) && links.length === pages.children.length) return;
    pages.hidden = !links.length;
    pages.replaceChildren(...links);
  };
  const chosen = () => Object.fromEntries(filters.map(({ name, value }) => [name, value.trim()]).filter(([, value]) => value));
  const change = () => {
    parameters = chosen(); // from the first page
    const text = new URLSearchParams(parameters).toString();
    history.replaceState(null, "", text ? `${route}?${text}` : route);
    now();
  };

  let typing = 0;
  for (const filter of filters) {
    filter.value = query.get(filter.name) ?? "";
    filter.addEventListener("input", () => {
      clearTimeout(typing);
      typing = setTimeout(change, TYPING_MS);
    });
  }
  signal.addEventListener("abort", () => clearTimeout(typing));
  list.setAttribute("aria-busy", "true");
  main.append(
    h(
      "div",
      { class: "head" },
      h("div", {}, h("h1", { tabindex: "-1" }, heading), h("p", { class: "soft" }, intro)),
      h("button", { class: "primary", onclick: () => newChannel(api) }, icon("plus"), "New channel"),
    ),
    h("form", { class: "filters", role: "search", onsubmit: (event) => event.preventDefault() }, filters.map(labelled)),
    list,
    nothing,
    pages,
  );
  nothing.hidden = true;
  const now = poll(ask, everyMs, signal);
}

function isFiltered(parameters) {
  return Object.keys(parameters).some((name) => name !== "cursor");
}

function labelled(control) {
  control.id = freshId(control.name);
  return h("div", { class: "field" }, h("label", { for: control.id }, control.getAttribute("data-label")), control);
}
