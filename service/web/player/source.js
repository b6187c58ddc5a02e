/**
 * Where a channel is played from, as stream_player answers: asked at the start, when a stream appears and, after an end, until its
 * recording is there.
 */

/** When to look for the recording of a broadcast that just ended, in ms after the last look; the last one repeats. */
const RECORDING_LOOKS_MS = [0, 1_500, 3_000, 5_000, 10_000, 20_000, 30_000, 60_000];
const RETRY_MS = 3_000;
const TIMEOUT_MS = 10_000;

export class Source {
  #address;
  #tell;
  #answer = null;
  #status = null;
  #oldRecording = undefined;
  #looks = 0;
  #timer = 0;
  #asking = null;

  /** `base`: the channel's public address, up to and with the last slash. `tell` is called when something was learnt. */
  constructor(base, tell) {
    this.#address = `${base}stream_player`;
    this.#tell = tell;
  }

  /** What was answered last, or null; empty where there is nothing public. */
  get answer() {
    return this.#answer;
  }

  /** The recording to offer, or null: not the one from before the broadcast that was just watchable. */
  get recording() {
    const recording = this.#answer?.recording;
    return recording && recording.uid !== this.#oldRecording ? recording : null;
  }

  /** A stream that appears has to be known, and one that has ended has its recording soon. */
  hear(status) {
    const before = this.#status;
    this.#status = status;
    if (status.state === "ended" && before?.state !== "ended") {
      this.#looks = 0;
      if (before || (this.#answer && !this.recording)) this.learn(); // else it is being asked
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
    const patience = setTimeout(() => asking.abort(), TIMEOUT_MS);
    let wait = RETRY_MS;
    try {
      const answer = await fetch(this.#address, { credentials: "omit", signal: asking.signal });
      const found = answer.ok && (await answer.json());
      if (this.#asking !== asking) return; // not wanted any more, or asked anew
      if (found) {
        this.#answer = found;
        if (this.#status?.is_watchable) this.#oldRecording = found.recording?.uid;
        wait = this.#status?.state === "ended" && !this.recording ? this.#nextLook() : 0;
      } else if (answer.status === 404) {
        this.#answer = {}; // nothing public here; should it stream one day, we shall hear
        wait = 0;
      }
    } catch {
      if (this.#asking !== asking) return;
      // Else the server is away: again below.
    } finally {
      clearTimeout(patience);
    }
    if (wait) this.#timer = setTimeout(() => this.learn(), wait * (1 + Math.random() / 2));
    this.#tell();
  }

  stop() {
    clearTimeout(this.#timer);
    this.#asking?.abort();
    this.#asking = null;
  }

  #nextLook() {
    return RECORDING_LOOKS_MS[Math.min(++this.#looks, RECORDING_LOOKS_MS.length - 1)];
  }
}
