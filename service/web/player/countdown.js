/** The countdown to the start of a stream. It is shown only while the estimate is reliable. */

/**
 * For a channel without history the provider estimates 2 s, and 1 s once those are past. Estimates of this length or less are not
 * shown: they are too short to be useful and may be that default.
 */
const GUESS_SECONDS = 2;
/** An estimate that expired this long ago was wrong. */
const OVERDUE_MS = 1_000;

/**
 * Shows a number once two answers agree on it. The number never rises. It is dropped for the rest of the start if an answer
 * contradicts it.
 */
export class Countdown {
  #endsAt = 0;
  #answered = 0; // seconds in the last answer
  #answers = 0; // received during this start
  #isTrusted = true; // no answer has contradicted another
  #shown = Infinity;

  /** Take a response of stream_status. */
  update({ seconds_until_watchable: seconds }, now = Date.now()) {
    if (!(seconds > 0)) return this.#reset();
    if (!this.#answers++) this.#isTrusted = seconds > GUESS_SECONDS;
    else if (seconds > this.#answered) this.#isTrusted = false;
    this.#answered = seconds;
    this.#endsAt = now + 1_000 * seconds;
  }

  /** Return whole seconds, at least 1, or null while the estimate is unreliable. */
  seconds(now = Date.now()) {
    if (!this.#isTrusted || this.#answers < 2 || now > this.#endsAt + OVERDUE_MS) return null;
    this.#shown = Math.min(this.#shown, Math.max(1, Math.ceil((this.#endsAt - now) / 1_000)));
    return this.#shown;
  }

  #reset() {
    this.#answers = 0;
    this.#shown = Infinity;
  }
}
