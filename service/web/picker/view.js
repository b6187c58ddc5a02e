/** The picker's view: the cards and the messages around them. */

import { Card } from "./card.js";
import { frame, STATES } from "./frame.js";
import { reach, tabStop } from "./keys.js";

/** The maximum number of streams shown; others are found by searching. */
export const MOST = 400;

export class View {
  parts = frame(MOST);
  #cards = new Map(); // by uid, in the order shown

  get size() {
    return this.#cards.size;
  }

  /** Return the stream with this uid if it is shown, otherwise null. */
  stream(uid) {
    return this.#cards.get(uid)?.stream ?? null;
  }

  /** Return the stream of an option. */
  streamOf(option) {
    return [...this.#cards.values()].find((card) => card.option === option)?.stream;
  }

  /** The search text and the state filter. */
  get query() {
    return { search: this.parts.search.value.trim(), state: this.parts.filter.value };
  }

  /** Show these streams and keep the focus. */
  list(streams) {
    const { list, search, body } = this.parts;
    const cards = new Map();
    for (const stream of streams) {
      const card = this.#cards.get(stream.uid) ?? new Card(stream);
      card.update(stream);
      cards.set(stream.uid, card);
    }
    this.#cards = cards;
    const focused = body.getRootNode().activeElement;
    const options = [...cards.values()].map((card) => card.option);
    // Move only options that changed position: moving an element removes its focus.
    for (const old of [...list.children]) if (!options.includes(old)) old.remove();
    options.forEach((option, place) => list.children[place] === option || list.insertBefore(option, list.children[place] ?? null));
    if (focused?.role === "option" && !focused.matches(":focus")) (focused.isConnected ? focused : search).focus();
  }

  /**
   * Update the view. `isLoaded`: the list was read at least once; `isLoading`: it is being read; `isStale`: the service does
   * not answer; `isMore`: there are more than `wanted`; `canRetry`, `isRequired`; `value`, `chosen`, `isLost`: the uid, its stream as far
   * as known, or that there is none.
   */
  show(now) {
    const { problem } = now;
    const { notice, warning, message, spinner, text, retry, reset, list, more, limit, chosen, clear } = this.parts;
    const hasStreams = now.isLoaded && this.size > 0;
    list.classList.toggle("stale", now.isStale);
    const pending = !hasStreams && (!now.isLoaded || now.isLoading);
    list.hidden = !hasStreams;
    list.ariaBusy = String(now.isLoading);
    notice.hidden = !(hasStreams && problem);
    warning.textContent = problem?.says ?? "";
    message.hidden = hasStreams;
    spinner.hidden = Boolean(problem) || !pending;
    retry.hidden = !problem || !now.canRetry;
    reset.hidden = Boolean(problem) || pending || !this.#isFiltered;
    text.textContent = problem?.says ?? (pending ? "Loading the streams…" : this.#emptyMessage());
    more.hidden = !(hasStreams && now.isMore && now.wanted < MOST);
    limit.hidden = !(hasStreams && now.isMore && now.wanted >= MOST);
    for (const [uid, card] of this.#cards) card.selected = uid === now.value;
    reach(list, tabStop(list));
    chosen.hidden = !now.value;
    clear.hidden = now.isRequired;
    this.#name(now.chosen, now.isLost);
  }

  #name(stream, isLost) {
    const name = Object.assign(document.createElement("strong"), { dir: "auto", textContent: stream?.channel_name });
    this.parts.choice.replaceChildren(
      ...(stream ? ["Selected: ", name] : [isLost ? "The selected stream is not in the list." : "A stream is selected."]),
    );
  }

  /** Announce the result to screen readers. */
  say({ problem, isMore }) {
    const count = `${this.size} ${this.size === 1 ? "stream" : "streams"}${isMore ? ", and more" : ""}.`;
    this.parts.said.textContent = problem?.says ?? (this.size ? count : this.#emptyMessage());
  }

  get #isFiltered() {
    return Boolean(this.query.search || this.query.state);
  }

  #emptyMessage() {
    const { search, state } = this.query;
    if (!this.#isFiltered) return "There are no streams yet. A channel is listed here once it has a live input.";
    const named = search && ` with “${search}” in its name`;
    return `There is no stream${named}${state && ` in the state “${STATES[state].says}”`}.`;
  }
}
