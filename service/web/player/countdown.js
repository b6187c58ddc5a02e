/** The seconds until a stream starts, as far as they can be trusted. */

/**
 * The provider's guess for a channel without a history is 2 s, and it is corrected upwards when it was wrong. An estimate of this
 * length or less is never shown: it is too short to be of use, and it may be that guess.
 */
const GUESS_SECONDS = 2;
/** An estimate that ran out this long ago was wrong. */
const OVERDUE_MS = 1_000;

/**
 * Holds a number back until two answers agree on it, never lets it rise, and drops it for the rest of the start when an answer
 * contradicts it.
 */
export class Countdown {
  #endsAt = 0;
  #answered = 0; // seconds, in the last answer
  #answers = 0; // of this start
  #isTrusted = true; // no answer has contradicted another
  #shown = Infinity;

  /** An answer of stream_status. */
  hear({ seconds_until_watchable: seconds }, now = Date.now()) {
    if (!(seconds > 0)) return this.#reset();
    if (!this.#answers++) this.#isTrusted = seconds > GUESS_SECONDS;
    else if (seconds > this.#answered) this.#isTrusted = false;
    this.#answered = seconds;
    this.#endsAt = now + 1_000 * seconds;
  }

  /** Whole seconds, 1 or more; null while they are not certain. */
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
