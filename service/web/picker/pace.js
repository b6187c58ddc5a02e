/** Repeats work only while the element is visible. */

/** How often to check whether the element is visible; there is no event for it. */
const CHECK_MS = 1_000;

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
    document.addEventListener("visibilitychange", () => this.#check(), { signal: this.#listeners.signal });
  }

  stop() {
    this.#listeners?.abort();
    this.hold();
  }

  /** Schedule the next run, in ms from now. */
  next(milliseconds) {
    this.#dueAt = Date.now() + milliseconds;
    this.#check();
  }

  /** Pause until `next` is called. */
  hold() {
    clearTimeout(this.#timer);
    this.#dueAt = Infinity;
  }

  #check() {
    clearTimeout(this.#timer);
    if (document.hidden || this.#dueAt === Infinity) return;
    const left = this.#dueAt - Date.now();
    const seen = this.#element.checkVisibility(); // false in a closed dialog, for example
    if (left <= 0 && seen) this.#work();
    else this.#timer = setTimeout(() => this.#check(), left > 0 ? left : CHECK_MS);
  }
}
