/** Detects stalled playback. */

export class Progress {
  #video;
  #time = -1;
  #at = Date.now();
  #hasMoved = false;

  constructor(video) {
    this.#video = video;
    // hls.js nudges a stalled position and then reloads. Neither counts as progress.
    for (const type of ["seeking", "emptied"]) video.addEventListener(type, () => (this.#time = video.currentTime));
  }

  /** Reset for another address. */
  reset() {
    this.#time = -1;
    this.#at = Date.now();
    this.#hasMoved = false;
  }

  /** The time of the last progress (Unix ms). */
  get at() {
    return this.#at;
  }

  /** Whether there was any progress since the last reset. */
  get hasMoved() {
    return this.#hasMoved;
  }

  /** Return for how many milliseconds playback has been stalled; 0 while the visitor has paused. */
  stillFor() {
    const now = Date.now();
    const { currentTime, ended, paused, readyState, seeking } = this.#video;
    // An element without media is paused too, which counts as stalled.
    const isPaused = paused && readyState >= HTMLMediaElement.HAVE_CURRENT_DATA;
    if (currentTime !== this.#time && !seeking) {
      this.#hasMoved ||= this.#time > 0;
      this.#at = now;
    }
    this.#time = currentTime;
    if (isPaused && !ended) this.#at = now; // a pause that is over is no stall
    return isPaused ? 0 : now - this.#at;
  }
}
