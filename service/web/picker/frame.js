/** The picker's shadow tree. */

/** Labels of the states. `pictured`: a current thumbnail exists. */
export const STATES = {
  live: { says: "Live", pictured: true },
  reconnecting: { says: "Reconnecting", pictured: true },
  starting: { says: "Starting" },
  connecting: { says: "Connecting" },
  ended: { says: "Ended" },
  offline: { says: "Offline" },
};

/** Build an element that pages can style with `::part(part)`. */
export function make(tag, part, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), { className: part, ...properties });
  element.setAttribute("part", part);
  element.append(...children);
  return element;
}

/** Build the tree and return its parts by name; `body` is the root. */
export function frame(most) {
  const parts = {};
  const part = (tag, name, properties, ...children) => (parts[name] = make(tag, name, properties, ...children));
  const button = (name, says) => part("button", name, { type: "button" }, says);
  const states = Object.entries(STATES).map(([state, { says }]) => new Option(says, state));
  const search = { type: "search", placeholder: "Search streams", ariaLabel: "Search streams", autocomplete: "off" };
  part(
    "div",
    "body",
    {},
    part(
      "div",
      "bar",
      {},
      part("input", "search", search),
      part("select", "filter", { ariaLabel: "State" }, new Option("Any state", ""), ...states),
    ),
    part("div", "notice", {}, part("p", "warning"), button("again", "Try again")),
    part("div", "message", {}, part("span", "spinner"), part("p", "text"), button("retry", "Try again"), button("reset", "Show all streams")),
    part("div", "list", { role: "listbox", id: "list" }),
    button("more", "Show more"),
    part("p", "limit", {}, `Only the newest ${most} streams are shown. Search to find others.`),
    part("div", "chosen", {}, part("p", "choice"), button("clear", "Clear")),
    part("p", "said", { role: "status" }),
  );
  parts.search.setAttribute("aria-controls", "list");
  return parts;
}
