/**
 * The playback addresses of a channel, from stream_player. They are read at the start, when a stream appears and, after its end,
 * repeatedly until the recording is available.
 */

/** Delays in ms between attempts to find the recording of a broadcast that just ended; the last one repeats. */
const RECORDING_DELAYS_MS = [0, 1_500, 3_000, 5_000, 10_000, 20_000, 30_000, 60_000];
const RETRY_MS = 3_000;
const TIMEOUT_MS = 10_000;

export class Source {
  #address;
  #notify;
  #answer = null;
  #status = null;
  #oldRecording = undefined;
  #attempts = 0;
  #timer = 0;
  #asking = null;

  /** `base`: the channel's public address, up to and with the last slash. `notify` is called after every response. */
  constructor(base, notify) {
    this.#address = `${base}stream_player`;
    this.#notify = notify;
  }

  /** The last response, or null; an empty object if the channel has no public stream. */
  get answer() {
    return this.#answer;
  }

  /** The recording to offer, or null. Recordings older than the broadcast that just ended are not offered. */
  get recording() {
    const recording = this.#answer?.recording;
    return recording && recording.uid !== this.#oldRecording ? recording : null;
  }

  /** React to a new status: read the address when a stream appears, and the recording after its end. */
  update(status) {
    const before = this.#status;
    this.#status = status;
    if (status.state === "ended" && before?.state !== "ended") {
      this.#attempts = 0;
      if (before || (this.#answer && !this.recording)) this.learn(); // otherwise a request is already in flight
    }
    if (status.is_watchable && !before?.is_watchable) {
      this.#oldRecording = this.#answer?.recording?.uid;
      if (this.#answer?.view_url) return;
      this.#answer = null;
      this.learn();
    }
  }

  async learn() {
    this.stop();
    const asking = (this.#asking = new AbortController());
    const timeout = setTimeout(() => asking.abort(), TIMEOUT_MS);
    let wait = RETRY_MS;
    try {
      const answer = await fetch(this.#address, { credentials: "omit", signal: asking.signal });
      const found = answer.ok && (await answer.json());
      if (this.#asking !== asking) return; // stopped, or superseded by a newer request
      if (found) {
        this.#answer = found;
        if (this.#status?.is_watchable) this.#oldRecording = found.recording?.uid;
        wait = this.#status?.state === "ended" && !this.recording ? this.#nextDelay() : 0;
      } else if (answer.status === 404) {
        this.#answer = {}; // no public stream; the feed reports it if one starts
        wait = 0;
      }
    } catch {
      if (this.#asking !== asking) return;
      // The service is unavailable: retried below.
    } finally {
      clearTimeout(timeout);
    }
    if (wait) this.#timer = setTimeout(() => this.learn(), wait * (1 + Math.random() / 2));
    this.#notify();
  }

  stop() {
    clearTimeout(this.#timer);
    this.#asking?.abort();
    this.#asking = null;
  }

  #nextDelay() {
    return RECORDING_DELAYS_MS[Math.min(++this.#attempts, RECORDING_DELAYS_MS.length - 1)];
  }
}
