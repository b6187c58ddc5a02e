/** One stream in the picker's list: thumbnail, state, name and viewers. */

import { pictureOf } from "../picture.js";
import { make, STATES } from "./frame.js";

/** How often a thumbnail is reloaded. */
const PICTURE_MS = 20_000;
const PICTURE_SIZE = { width: 320, height: 180, fit: "crop" };

export class Card {
  #initial = make("span", "initial", { ariaHidden: "true" });
  #picture = make("img", "thumbnail", { alt: "", decoding: "async", loading: "lazy" });
  #badge = make("span", "badge");
  #title = make("span", "title", { dir: "auto" });
  #viewers = make("span", "viewers");
  /** The element in the list. */
  option = make(
    "div",
    "option",
    { role: "option", tabIndex: -1 },
    make("div", "picture", {}, this.#initial, this.#picture, this.#badge),
    make("div", "words", {}, this.#title, " ", this.#viewers),
  );

  constructor(stream) {
    this.#picture.onload = () => this.#picture.classList.add("there");
    this.#picture.onerror = () => this.#picture.classList.remove("there");
    this.update(stream);
  }

  update(stream) {
    this.stream = stream;
    const { says, pictured } = STATES[stream.state] ?? { says: stream.state };
    this.option.dataset.state = stream.state;
    this.#badge.textContent = says;
    this.#title.textContent = stream.channel_name || "Unnamed channel";
    this.#initial.textContent = [...(stream.channel_name || "?")][0].toUpperCase();
    this.#viewers.textContent = pictured ? `${stream.viewer_count.toLocaleString()} watching` : "";
    const picture = pictured ? pictureOf(stream.thumbnail, PICTURE_SIZE, PICTURE_MS) : "";
    if (!picture) {
      this.#picture.removeAttribute("src");
      this.#picture.classList.remove("there");
    } else if (this.#picture.getAttribute("src") !== picture) {
      this.#picture.src = picture; // the previous image stays visible until this one has loaded
    }
  }

  set selected(selected) {
    this.option.ariaSelected = String(selected);
  }
}
