/** Plays an HLS address in a video element: natively in Apple's browsers, otherwise with hls.js. */

import { Pace } from "./pace.js";
import { prefetch } from "./prefetch.js";

/** All modules of the player are served as one, /player.js. */
const HLS_MODULE = new URL("./vendor/hls-1.7.4.mjs", import.meta.url).href;
const HLS_TYPE = "application/vnd.apple.mpegurl";
const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 8_000;

/** The assumed target latency of native playback, which does not report it: the largest that browsers choose. */
const NATIVE_LATENCY_SECONDS = 10;
/** Playback that starts further behind its target seeks to it, and keeps so many parts in the buffer. */
const JOIN_SECONDS = 0.5;
const JOIN_BUFFER_PARTS = 2;

/** A restarting server is unavailable for seconds, so retry for longer than the defaults of hls.js. */
const RETRIES = { maxNumRetry: 12, retryDelayMs: 500, maxRetryDelayMs: 4_000 };
const policy = (timeout) => ({
  default: {
    maxTimeToFirstByteMs: timeout,
    maxLoadTimeMs: 2 * timeout,
    timeoutRetry: { ...RETRIES, retryDelayMs: 0 },
    errorRetry: RETRIES,
  },
});

let failures = 0;

/** Load hls.js. A failed module is not fetched again under the same URL (HTML §8.1.4), so retries add a query. */
async function loadHls() {
  try {
    return (await import(failures ? `${HLS_MODULE}?${failures}` : HLS_MODULE)).default;
  } catch (problem) {
    failures += 1;
    throw problem;
  }
}

/** Return whether to use native HLS. Outside Apple's browsers it lacks low latency and is used only without MediaSource. */
function playsNatively(video) {
  const able = video.canPlayType(HLS_TYPE) !== "";
  return able && (navigator.vendor.startsWith("Apple") || !(globalThis.ManagedMediaSource || globalThis.MediaSource));
}

function withQuery(url, name, value) {
  const address = new URL(url, location.href);
  address.searchParams.set(name, value);
  return address.href;
}

/** Load hls.js before it is needed. */
export function prepare(video) {
  if (!playsNatively(video)) loadHls().catch(() => {}); // loaded again when it is needed
}

/** Return whether `url` may be requested before the stream is watchable: this service then answers as soon as it is. */
export function startsEarly(video, url, base) {
  return Boolean(url) && !playsNatively(video) && new URL(url, location.href).origin === new URL(base).origin;
}

export class Playback {
  #video;
  #pace;
  #url;
  #isEarly;
  #hls = null;
  #stopped = false;
  #timer = 0;
  #retryMs = FIRST_RETRY_MS;
  #answeredAt = Date.now();
  #tracks = null; // the tracks that the stream offers, once known
  #address; // the loaded address
  #listeners = new AbortController();

  /** `isEarly`: request it before the stream is watchable (`startsEarly`). */
  constructor(video, url, isEarly = false) {
    this.#video = video;
    this.#url = url;
    this.#isEarly = isEarly;
    this.#address = isEarly ? withQuery(url, "early", "") : url;
    const { signal } = this.#listeners;
    this.#pace = new Pace(video, signal);
    addEventListener("online", () => this.#hls?.startLoad(-1, true), { signal }); // instead of after the next delay
    video.addEventListener("playing", () => (this.#retryMs = FIRST_RETRY_MS), { signal });
    if (playsNatively(video)) {
      video.addEventListener("error", () => this.#again(), { signal });
      this.#attachNative();
    } else {
      this.#attachHls();
    }
  }

  /** Whether it was requested before the stream was watchable. */
  get isEarly() {
    return this.#isEarly;
  }

  /** The address being played. */
  get url() {
    return this.#url;
  }

  /** The time of the last playlist (Unix ms); null with native playback, which does not report it. */
  get answeredAt() {
    return this.#hls && this.#answeredAt;
  }

  /** Seconds behind the live edge in excess of the target latency (negative: closer to it); 0 without a live edge. */
  get behind() {
    const video = this.#video;
    if (!this.#hls) {
      const { seekable } = video;
      if (video.duration !== Infinity || !seekable.length) return 0;
      return Math.max(0, seekable.end(seekable.length - 1) - video.currentTime - NATIVE_LATENCY_SECONDS);
    }
    const details = this.#hls.latestLevelDetails;
    if (!details?.live) return 0;
    // A playlist that has not advanced for longer than this does not advance now: its encoder is disconnected.
    const edge = details.edge + Math.min(details.age, details.targetduration);
    return edge - video.currentTime - this.#hls.targetLatency - this.#pace.margin;
  }

  /** Seek to the live edge. */
  goLive() {
    const video = this.#video;
    const { seekable } = video;
    const native = seekable.length ? seekable.end(seekable.length - 1) : null;
    const to = this.#hls ? this.#hls.liveSyncPosition - this.#pace.margin : native;
    if (to !== null && to > video.currentTime) video.currentTime = to;
    this.#pace.reset();
  }

  /** Seek towards the live edge, as far as is buffered, if playback has started too far behind. Called once it has started. */
  join() {
    const room = this.#buffered() - JOIN_BUFFER_PARTS * this.#part;
    if (this.#part && this.behind > JOIN_SECONDS && room > JOIN_SECONDS) this.#video.currentTime += Math.min(this.behind, room);
  }

  /** The duration in seconds of the stream's parts; 0 without parts. */
  get #part() {
    const details = this.#hls?.latestLevelDetails;
    return (details?.live && details.partTarget) || 0;
  }

  /** Keep to the target latency. Called periodically. */
  keepUp() {
    if (this.#hls && this.#pace.update(this.behind, this.#part, this.#buffered())) this.goLive();
  }

  #buffered() {
    const { buffered, currentTime } = this.#video;
    for (let range = 0; range < buffered.length; range++) {
      if (buffered.start(range) <= currentTime && currentTime <= buffered.end(range)) return buffered.end(range) - currentTime;
    }
    return 0;
  }

  /**
   * Take the tracks of stream_status, or null if unknown. Players read them once from the first playlist, so a change reloads it.
   */
  offer(tracks) {
    if (!tracks || tracks === this.#tracks) return;
    const isChange = this.#tracks !== null;
    this.#tracks = tracks;
    if (isChange) this.#loadTracks();
  }

  /** Reload the playlist under another address, because caches keep it for some seconds. */
  #loadTracks() {
    const address = withQuery(this.#url, "tracks", this.#tracks);
    if (this.#address === address) return;
    this.#address = address;
    this.#retryMs = FIRST_RETRY_MS;
    clearTimeout(this.#timer);
    this.#load();
  }

  /** Reload: another broadcast has begun at the same address. */
  startOver() {
    if (!this.#timer) this.#again();
  }

  stop() {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#listeners.abort();
    this.#hls?.destroy();
    this.#hls = null;
    this.#video.playbackRate = 1;
    this.#video.removeAttribute("src");
    this.#video.load();
  }

  #attachNative() {
    this.#video.src = this.#address;
  }

  async #attachHls() {
    try {
      const Hls = await loadHls();
      if (this.#stopped || this.#hls) return;
      if (!Hls.isSupported()) return this.#attachNative();
      const hls = (this.#hls = new Hls({
        enableWorker: false, // fMP4 passes through, and a worker would need blob: in a page's Content-Security-Policy
        backBufferLength: 30,
        liveDurationInfinity: true,
        liveSyncOnStallIncrease: 0, // see Pace
        manifestLoadPolicy: policy(5_000),
        playlistLoadPolicy: policy(5_000),
        fragLoadPolicy: policy(10_000),
      }));
      prefetch(hls, Hls);
      hls.on(Hls.Events.ERROR, (_, problem) => {
        if (!problem.fatal) return;
        if (problem.type === Hls.ErrorTypes.MEDIA_ERROR && this.#retryMs === FIRST_RETRY_MS) {
          this.#retryMs *= 2;
          hls.recoverMediaError();
        } else {
          this.#again();
        }
      });
      hls.on(Hls.Events.MANIFEST_PARSED, (_, { levels }) => {
        const found = ["audio", "video"].filter((kind) => levels.some((level) => level[`${kind}Codec`])).join("+");
        if (this.#tracks && found !== this.#tracks) this.#loadTracks();
      });
      hls.on(Hls.Events.LEVEL_LOADED, () => (this.#answeredAt = Date.now()));
      hls.loadSource(this.#address);
      hls.attachMedia(this.#video);
    } catch {
      this.#again();
    }
  }

  /** Reload with exponential backoff until playback starts. */
  #again() {
    if (this.#stopped) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#load(), this.#retryMs);
    this.#retryMs = Math.min(LAST_RETRY_MS, this.#retryMs * 2);
  }
  #load() {
    this.#timer = 0;
    if (!this.#hls && playsNatively(this.#video)) return this.#attachNative();
    this.#hls?.destroy();
    this.#hls = null;
    this.#attachHls();
  }
}
