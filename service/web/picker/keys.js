/** The picker's keyboard: a list box whose options stand in rows has one tab stop, and arrows in both directions (ARIA practices: listbox). */

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

/** `look` searches for what the field says, `pick(option)` picks. */
export function followKeys({ search, list }, { look, pick }) {
  const inSearch = ({ key }) => {
    if (key === "ArrowDown" && !list.hidden) tabStop(list)?.focus();
    else if (key === "Escape" && search.value) {
      search.value = "";
      look();
    } else if (key === "Enter") look(); // and no form is sent
    else return false;
    return true;
  };
  const inList = ({ key, target, ctrlKey, metaKey, altKey }) => {
    if (ctrlKey || metaKey || altKey) return false;
    const to = destination(key, list, target);
    if (to) to.focus();
    else if (key === "Enter" || key === " ") pick(target);
    else if (key === "Escape") search.focus();
    else {
      // A letter begins a search: the field gets it, because it has the focus when the letter arrives.
      if (key.length === 1) {
        search.focus();
        search.select();
      }
      return false;
    }
    return true;
  };
  for (const [part, isTaken] of [[search, inSearch], [list, inList]]) {
    part.addEventListener("keydown", (event) => {
      if (event.isComposing || !isTaken(event)) return; // while it composes a character, the input method has the keys
      event.preventDefault();
      event.stopPropagation();
    });
  }
  list.addEventListener("focusin", ({ target }) => reach(list, target));
}
