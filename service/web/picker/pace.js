/** Does something again and again, but only while somebody can see it. */

/** How often to look whether the element has come into sight; nothing tells. */
const LOOK_MS = 1_000;

export class Pace {
  #element;
  #work;
  #dueAt = Infinity;
  #timer = 0;
  #listeners = null;

  constructor(element, work) {
    this.#element = element;
    this.#work = work;
  }

  start() {
    this.#listeners = new AbortController();
    document.addEventListener("visibilitychange", () => this.#look(), { signal: this.#listeners.signal });
  }

  stop() {
    this.#listeners?.abort();
    this.hold();
  }

  /** The next time, in ms from now. */
  next(milliseconds) {
    this.#dueAt = Date.now() + milliseconds;
    this.#look();
  }

  /** Not until `next` is called. */
  hold() {
    clearTimeout(this.#timer);
    this.#dueAt = Infinity;
  }

  #look() {
    clearTimeout(this.#timer);
    if (document.hidden || this.#dueAt === Infinity) return;
    const left = this.#dueAt - Date.now();
    const seen = this.#element.checkVisibility(); // not in a dialog that is closed, for example
    if (left <= 0 && seen) this.#work();
    else this.#timer = setTimeout(() => this.#look(), left > 0 ? left : LOOK_MS);
  }
}
