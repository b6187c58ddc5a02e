/** Whether the picture moves. */

export class Progress {
  #video;
  #time = -1;
  #at = Date.now();
  #hasMoved = false;

  constructor(video) {
    this.#video = video;
    // hls.js nudges a picture that stands still, and starts over when that was of no use: neither is playing.
    for (const type of ["seeking", "emptied"]) video.addEventListener(type, () => (this.#time = video.currentTime));
  }

  /** Another address is played from now on. */
  reset() {
    this.#time = -1;
    this.#at = Date.now();
    this.#hasMoved = false;
  }

  /** When it moved last. */
  get at() {
    return this.#at;
  }

  /** Whether it has moved at all since the last reset. */
  get hasMoved() {
    return this.#hasMoved;
  }

  /** For how many milliseconds it has stood still, other than by the visitor's wish. */
  stillFor() {
    const now = Date.now();
    const { currentTime, paused, readyState, seeking } = this.#video;
    if (currentTime !== this.#time && !seeking) {
      this.#hasMoved ||= this.#time > 0;
      this.#at = now;
    }
    this.#time = currentTime;
    // An element that has lost its media is paused, too.
    return paused && readyState >= HTMLMediaElement.HAVE_CURRENT_DATA ? 0 : now - this.#at;
  }
}
