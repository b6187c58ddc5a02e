/** Helpers that build DOM elements. Data becomes text or attributes, never markup. */

const SVG = "http://www.w3.org/2000/svg";

/** Build an element: `h("button", { class: "primary", onclick: save }, "Save")`. Attributes and children that are null or false are skipped. */
export function h(tag, attributes = {}, ...children) {
  return furnish(document.createElement(tag), attributes, children);
}

/** Build an SVG element in the same way. */
export function svg(tag, attributes = {}, ...children) {
  return furnish(document.createElementNS(SVG, tag), attributes, children);
}

function furnish(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter(isThere));
  return element;
}

function isThere(child) {
  return child !== null && child !== undefined && child !== false;
}

/** Build a <time> element with the readable `text`. */
export function moment(iso, text) {
  return h("time", { datetime: iso }, text);
}

/**
 * A list that follows its data. Items that remain keep their element, so focus, images and playback are preserved.
 * `make(item)` returns `{ element, update(item) }`.
 */
export class Rows {
  #list;
  #keyOf;
  #make;
  #rows = new Map();

  constructor(list, keyOf, make) {
    this.#list = list;
    this.#keyOf = keyOf;
    this.#make = make;
  }

  show(items) {
    const wanted = new Map(items.map((item) => [this.#keyOf(item), item]));
    for (const [key, row] of this.#rows) {
      if (wanted.has(key)) continue;
      row.element.remove();
      this.#rows.delete(key);
    }
    let place = this.#list.firstElementChild;
    for (const [key, item] of wanted) {
      let row = this.#rows.get(key);
      if (!row) this.#rows.set(key, (row = this.#make(item)));
      row.update(item);
      if (row.element === place) place = place.nextElementSibling;
      else this.#list.insertBefore(row.element, place);
    }
  }
}

let ids = 0;

/** Return an id that is unique on the page, for labels and descriptions. */
export function freshId(what) {
  return `${what}-${++ids}`;
}
