/** Keyboard operation: a list box in a grid has one tab stop and arrow keys in both directions (ARIA practices: listbox). */

/** Return the option that Tab focuses: the last focused one, else the selected one, else the first. */
export function tabStop(list) {
  return list.querySelector("[tabindex='0']") ?? list.querySelector("[aria-selected=true]") ?? list.firstElementChild;
}

/** Make `option` the tab stop. */
export function reach(list, option) {
  for (const each of list.children) each.tabIndex = each === option ? 0 : -1;
}

/** Return the option that `key` moves to, or undefined for other keys. */
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

/** Attach the key handlers. `search` runs the search, `pick(option)` selects an option. */
export function followKeys({ search: field, list }, { search, pick }) {
  const inSearch = ({ key }) => {
    if (key === "ArrowDown" && !list.hidden) tabStop(list)?.focus();
    else if (key === "Escape" && field.value) {
      field.value = "";
      search();
    } else if (key === "Enter") search(); // without submitting the form
    else return false;
    return true;
  };
  const inList = ({ key, target, ctrlKey, metaKey, altKey }) => {
    if (ctrlKey || metaKey || altKey) return false;
    const to = destination(key, list, target);
    if (to) to.focus();
    else if (key === "Enter" || key === " ") pick(target);
    else if (key === "Escape") field.focus();
    else {
      // A letter starts a search: the field has the focus when the character is inserted.
      if (key.length === 1) {
        field.focus();
        field.select();
      }
      return false;
    }
    return true;
  };
  for (const [part, isHandled] of [[field, inSearch], [list, inList]]) {
    part.addEventListener("keydown", (event) => {
      if (event.isComposing || !isHandled(event)) return; // an input method handles the keys while composing
      event.preventDefault();
      event.stopPropagation();
    });
  }
  list.addEventListener("focusin", ({ target }) => reach(list, target));
}
