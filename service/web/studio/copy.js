/** A button that copies: it says so in its own words for a moment, and aloud. */

import { h } from "./dom.js";
import { icon } from "./icons.js";
import { say } from "./say.js";

const COPIED_MS = 2_000;

/** `what` is copied, for who hears the page ("stream key"); `read` gives the text when it is pressed. */
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
      say("Your browser does not let this page copy. Select the text and copy it yourself.");
    }
    timer = setTimeout(() => show(label, "copy"), COPIED_MS);
  };
  return h("button", { type: "button", class: "copy", "aria-label": `Copy ${what}`, onclick: press }, picture, word);
}

/** Whether it worked. Pages over plain http have no clipboard of their own, but the old command. */
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
