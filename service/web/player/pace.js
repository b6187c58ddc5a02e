/** Keeps live playback at its target latency: a little faster or slower, and a jump if it is far behind. */

/** Playback rates by the seconds behind the target above which they apply. */
const FASTER = [
  { above: 2, rate: 1.1 },
  { above: 0.1, rate: 1.05 },
];
/** Playback rates by the seconds closer to the live edge than the target above which they apply: after an early start, or a stall. */
const SLOWER = [
  { above: 0.4, rate: 0.85 },
  { above: 0.2, rate: 0.95 },
];
/** Another rate than 1 ends within this distance of the target. */
const REACHED_SECONDS = 0.03;
/** Faster playback needs this many parts in the buffer. */
const LEAST_BUFFER_PARTS = 1.5;
/** Each stall adds half a part to the target. Without stalls as much is removed again in SHRINK_MS. */
const STALL_PARTS = 0.5;
const MAX_MARGIN_SECONDS = 3;
const SHRINK_MS = 20_000;
/** Playback that is further behind jumps to the target. */
const JUMP_SECONDS = 8;
/** A visitor who seeks back by more has chosen to watch later. */
const REWIND_SECONDS = 0.5;

export class Pace {
  #video;
  #margin = 0;
  #part = 0; // seconds; 0 unless the stream has parts
  #at = Date.now();
  #time = 0;
  #hasPlayed = false;
  #isChosen = false;

  constructor(video, signal) {
    this.#video = video;
    const on = (type, work) => video.addEventListener(type, work, { signal });
    on("playing", () => (this.#hasPlayed = true));
    on("timeupdate", () => video.seeking || (this.#time = video.currentTime));
    on("seeking", () => (this.#isChosen ||= video.currentTime < this.#time - REWIND_SECONDS));
    on("pause", () => (this.#isChosen ||= this.#hasPlayed && !video.ended));
    on("waiting", () => this.#stalled());
    on("emptied", () => {
      this.#hasPlayed = this.#isChosen = false;
      this.#time = 0;
    });
  }

  /** Seconds added to the target latency because playback has stalled. */
  get margin() {
    return this.#margin;
  }

  /** The visitor wants to be at the live edge again. */
  reset() {
    this.#isChosen = false;
  }

  /**
   * Adjust the playback rate. `behind`: seconds behind the target; `part`: the duration of parts, or 0; `buffered`: seconds ahead in
   * the buffer. Return whether to jump to the target.
   */
  update(behind, part, buffered) {
    const now = Date.now();
    this.#margin = Math.max(0, this.#margin - (STALL_PARTS * part * (now - this.#at)) / SHRINK_MS);
    this.#at = now;
    this.#part = part;
    if (behind < REACHED_SECONDS && !this.#video.paused) this.#isChosen = false;
    const isFar = behind > JUMP_SECONDS;
    this.#setRate(part && this.#hasPlayed && !isFar ? this.#rate(behind, buffered) : 1);
    return isFar && !this.#isChosen && this.#hasPlayed;
  }

  #rate(behind, buffered) {
    if (behind < 0) return this.#pick(SLOWER, -behind);
    return buffered < LEAST_BUFFER_PARTS * this.#part ? 1 : this.#pick(FASTER, behind);
  }

  /** Return the rate of `rates` for this distance from the target. The last one stays until the target is reached. */
  #pick(rates, distance) {
    const last = rates.at(-1).rate;
    const isCorrecting = rates.some(({ rate }) => rate === this.#video.playbackRate) && distance > REACHED_SECONDS;
    return rates.find(({ above }) => distance > above)?.rate ?? (isCorrecting ? last : 1);
  }

  #setRate(rate) {
    const video = this.#video;
    const isOurs = [...SLOWER, ...FASTER].some((each) => each.rate === video.playbackRate);
    if (!isOurs && video.playbackRate !== 1) return; // the visitor chose this rate
    if (video.playbackRate !== rate) video.playbackRate = rate;
  }

  #stalled() {
    if (!this.#hasPlayed || this.#video.seeking) return;
    this.#margin = Math.min(MAX_MARGIN_SECONDS, this.#margin + STALL_PARTS * this.#part);
  }
}
