/** The keyboard in a list box whose options stand in rows: one tab stop, arrows in both directions (ARIA practices: listbox). */

/** The option Tab leads to: the one last reached, else the chosen one, else the first. */
export function tabStop(list) {
  return list.querySelector("[tabindex='0']") ?? list.querySelector("[aria-selected=true]") ?? list.firstElementChild;
}

/** Make `option` the tab stop. */
export function reach(list, option) {
  for (const each of list.children) each.tabIndex = each === option ? 0 : -1;
}

/** Where a key leads from `option`; undefined for keys that lead nowhere. */
export function destination(key, list, option) {
  const options = [...list.children];
  const at = options.indexOf(option);
  const below = options.findIndex((each) => each.offsetTop > options[0].offsetTop);
  const columns = below < 0 ? options.length : below;
  const forward = getComputedStyle(list).direction === "rtl" ? "ArrowLeft" : "ArrowRight";
  const step = { ArrowLeft: -1, ArrowRight: -1, [forward]: 1, ArrowUp: -columns, ArrowDown: columns }[key];
  if (step !== undefined) return options[at + step] ?? option;
  return { Home: options[0], End: options.at(-1) }[key];
}
