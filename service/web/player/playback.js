/** Plays an HLS address in a video element: by the browser itself where that is Apple's, else by hls.js, loaded when first needed. */

const HLS_MODULE = new URL("../vendor/hls-1.7.4.mjs", import.meta.url).href;
const HLS_TYPE = "application/vnd.apple.mpegurl";
const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 8_000;

/** A server that restarts is away for seconds: ask again for longer than hls.js would by itself. */
const PATIENCE = { maxNumRetry: 12, retryDelayMs: 500, maxRetryDelayMs: 4_000 };
const policy = (timeout) => ({
  default: {
    maxTimeToFirstByteMs: timeout,
    maxLoadTimeMs: 2 * timeout,
    timeoutRetry: { ...PATIENCE, retryDelayMs: 0 },
    errorRetry: PATIENCE,
  },
});

let failures = 0;

/** Loaded once; a module that could not be had is not asked for again by its name (HTML §8.1.4), so it gets another. */
async function loadHls() {
  try {
    return (await import(failures ? `${HLS_MODULE}?${failures}` : HLS_MODULE)).default;
  } catch (problem) {
    failures += 1;
    throw problem;
  }
}

/** Other browsers' own HLS is young and knows no low latency. Without MediaSource there is no choice. */
function playsItself(video) {
  const able = video.canPlayType(HLS_TYPE) !== "";
  return able && (navigator.vendor.startsWith("Apple") || !(globalThis.ManagedMediaSource || globalThis.MediaSource));
}

export class Playback {
  #video;
  #url;
  #hls = null;
  #stopped = false;
  #timer = 0;
  #retryMs = FIRST_RETRY_MS;
  #listeners = new AbortController();

  constructor(video, url) {
    this.#video = video;
    this.#url = url;
    const { signal } = this.#listeners;
    video.addEventListener("playing", () => (this.#retryMs = FIRST_RETRY_MS), { signal });
    if (playsItself(video)) {
      video.addEventListener("error", () => this.#again(), { signal });
      this.#attachNative();
    } else {
      this.#attachHls();
    }
  }

  /** The address that is played. */
  get url() {
    return this.#url;
  }

  /** There is another broadcast at the same address. */
  startOver() {
    if (!this.#timer) this.#again();
  }

  stop() {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#listeners.abort();
    this.#hls?.destroy();
    this.#hls = null;
    this.#video.removeAttribute("src");
    this.#video.load();
  }

  #attachNative() {
    this.#video.src = this.#url;
  }

  async #attachHls() {
    try {
      const Hls = await loadHls();
      if (this.#stopped) return;
      if (!Hls.isSupported()) return this.#attachNative();
      const hls = (this.#hls = new Hls({
        enableWorker: false, // fMP4 passes through, and a worker would need blob: in a page's Content-Security-Policy
        backBufferLength: 30,
        liveDurationInfinity: true,
        manifestLoadPolicy: policy(5_000),
        playlistLoadPolicy: policy(5_000),
        fragLoadPolicy: policy(10_000),
      }));
      hls.on(Hls.Events.ERROR, (_, problem) => {
        if (!problem.fatal) return;
        if (problem.type === Hls.ErrorTypes.MEDIA_ERROR && this.#retryMs === FIRST_RETRY_MS) {
          this.#retryMs *= 2;
          hls.recoverMediaError();
        } else {
          this.#again();
        }
      });
      hls.loadSource(this.#url);
      hls.attachMedia(this.#video);
    } catch {
      this.#again();
    }
  }

  /** Start over, ever more slowly until something plays. */
  #again() {
    if (this.#stopped) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = 0;
      if (this.#hls) {
        this.#hls.destroy();
        this.#hls = null;
        this.#attachHls();
      } else if (playsItself(this.#video)) {
        this.#attachNative();
      } else {
        this.#attachHls();
      }
    }, this.#retryMs);
    this.#retryMs = Math.min(LAST_RETRY_MS, this.#retryMs * 2);
  }
}
