/** The common part of both list screens: search (kept in the address), paging and polling. */

import { freshId, h, Rows } from "./dom.js";
import { sentence } from "./errors.js";
import { icon } from "./icons.js";
import { newChannel } from "./new_channel.js";
import { pageLinks } from "./pages.js";
import { poll } from "./poll.js";

const PAGE_SIZE = 24;
const TYPING_MS = 250;

/**
 * Show a list screen. `route`: this screen's "#/…"; `operation`: the list operation, polled every `everyMs` while no changes arrive; `filters`: controls whose
 * names are query parameters; `list`: the element for the rows; `keyOf` and `make`: see Rows; `empty(filtered, more)`: returns the
 * paragraphs for an empty page.
 */
export function listScreen(context, { heading, intro, route, operation, everyMs, filters, list, keyOf, make, empty }) {
  const { api, main, query, signal, title } = context;
  const rows = new Rows(list, keyOf, make);
  const nothing = h("div", { class: "nothing", hidden: true });
  const pages = pageLinks((cursor) => `${route}?${new URLSearchParams({ ...chosen(filters), cursor })}`);
  let parameters = Object.fromEntries(query);

  const ask = async () => {
    const asked = parameters;
    try {
      const page = await api.call(operation, { query: { page_size: PAGE_SIZE, ...asked } });
      if (signal.aborted || asked !== parameters) return;
      list.removeAttribute("aria-busy");
      rows.show(page.results);
      showNothing(page.results.length ? [] : empty(isFiltered(asked), Boolean(page.next)));
      pages.show(page);
    } catch (problem) {
      if (!signal.aborted && list.hasAttribute("aria-busy")) showNothing([sentence(problem)]);
      throw problem;
    }
  };
  const showNothing = (words) => {
    nothing.hidden = !words.length;
    nothing.replaceChildren(...words.map((text) => h("p", {}, text)));
  };

  title(heading);
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
    pages.element,
  );
  const now = poll(ask, everyMs, signal, api.follow(operation, signal));
  follow(filters, query, signal, () => {
    parameters = chosen(filters); // from the first page
    const text = new URLSearchParams(parameters).toString();
    history.replaceState(null, "", text ? `${route}?${text}` : route);
    now();
  });
}

/** Set the filters from the address, and call `changed` after the user edits one. */
function follow(filters, query, signal, changed) {
  let typing = 0;
  for (const filter of filters) {
    filter.value = query.get(filter.name) ?? "";
    filter.addEventListener("input", () => {
      clearTimeout(typing);
      typing = setTimeout(changed, TYPING_MS);
    });
  }
  signal.addEventListener("abort", () => clearTimeout(typing));
}

function chosen(filters) {
  return Object.fromEntries(filters.map(({ name, value }) => [name, value.trim()]).filter(([, value]) => value));
}

function isFiltered(parameters) {
  return Object.keys(parameters).some((name) => name !== "cursor");
}

function labelled(control) {
  control.id = freshId(control.name);
  return h("div", { class: "field" }, h("label", { for: control.id }, control.getAttribute("data-label")), control);
}
