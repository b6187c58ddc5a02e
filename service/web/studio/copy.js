/** A button that copies a text and confirms it, visibly and for screen readers. */

import { h } from "./dom.js";
import { icon } from "./icons.js";
import { say } from "./say.js";

const COPIED_MS = 2_000;

/** `what` names the text for screen readers ("stream key"). `read` returns the text when the button is pressed. */
export function copyButton(what, read, label = "Copy") {
  const word = h("span", {}, label);
  const picture = h("span", { class: "swap" }, icon("copy"));
  let timer = 0;
  const show = (text, name) => {
    word.textContent = text;
    picture.replaceChildren(icon(name));
  };
  const press = async () => {
    clearTimeout(timer);
    if (await copy(read())) {
      show("Copied", "check");
      say(`${what[0].toUpperCase()}${what.slice(1)} copied.`);
    } else {
      show("Not copied", "error");
      say("The browser does not allow copying. Select the text and copy it manually.");
    }
    timer = setTimeout(() => show(label, "copy"), COPIED_MS);
  };
  return h("button", { type: "button", class: "copy", "aria-label": `Copy ${what}`, onclick: press }, picture, word);
}

/** Copy and return whether it worked. Pages over plain http lack the Clipboard API, so `execCommand` is the fallback. */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyOldWay(text);
  }
}

function copyOldWay(text) {
  const before = document.activeElement;
  const place = h("textarea", { class: "unseen", readonly: true, "aria-hidden": "true" });
  place.value = text;
  document.body.append(place);
  place.select();
  const worked = document.execCommand("copy");
  place.remove();
  before?.focus();
  return worked;
}
