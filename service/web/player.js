/**
 * <live-stream org="…" channel="…">: the visitor's player. One script tag, no build step. README.md in this directory documents it.
 *
 *   feed ─▶ status ─▶ #decide ─▶ a view (VIEWS) ─▶ playback
 */

import { Countdown } from "./player/countdown.js";
import { Feed } from "./player/feed.js";
import { Frame, nameOf, VIEWS } from "./player/frame.js";
import { sheet } from "./player/look.js";
import { Playback, prepare, startsEarly } from "./player/playback.js";
import { Progress } from "./player/progress.js";
import { Source } from "./player/source.js";
import { VisitorToken, visitorId } from "./player/visitor.js";

const ORIGIN = new URL(".", import.meta.url);
const TICK_MS = 500;
/** Playback whose position has not changed for longer is stalled. */
const STILL_MS = 2 * TICK_MS;
/** A live stream that is stalled for longer is not shown as live, even if the status says so. */
const STARVED_MS = 5_000;
/** After this long without an answer from the service, the state of the stream is unknown. */
const SILENT_MS = 5_000;
/** While a stream starts or plays, the service is polled if neither it nor its playlists have answered for this long. */
const ANSWER_EVERY_MS = 3_000;
/** Hysteresis of the "Behind live" badge: it appears above the first delay and disappears below the second. */
const BEHIND_SECONDS = 3;
const LIVE_AGAIN_SECONDS = 2;
/** How long buffered media is played after a broadcast has ended. */
const DRAIN_MS = 15_000;
/** If playback ended this long ago and the stream is still watchable, a new broadcast has begun. */
const NEXT_BROADCAST_MS = 2_000;
/** Pixels of the thumbnail that is shown until the first frame. */
const POSTER_HEIGHT = 270;

class LiveStream extends HTMLElement {
  static observedAttributes = ["org", "channel", "src", "server"];

  #root = this.attachShadow({ mode: "open" });
  #frame = new Frame(this.#root, { button: () => this.#playRecording(), unmute: () => this.#unmute(), golive: () => this.#goLive() });
  #video = this.#frame.parts.video;
  #progress = new Progress(this.#video);
  #countdown = new Countdown();
  #feed = null;
  #playback = null;
  #view = "";
  #status = null;
  #source = null;
  #replay = null; // the recording being watched, even if a newer one exists
  #endedAt = 0;
  #timer = 0;
  #isLost = false; // the service does not answer
  #isHeld = false; // paused by the visitor, or autoplay is blocked
  #isSilenced = false; // muted because the browser blocks autoplay with audio
  #isBehind = false;
  #isJoined = false; // has started to play at the live edge
  #isCounting = false;
  #getToken = null;

  constructor() {
    super();
    this.#root.adoptedStyleSheets = [sheet];
    const video = this.#video;
    video.addEventListener("loadedmetadata", () => this.#begin()); // also after an error restarted playback
    video.addEventListener("loadeddata", () => this.#decide());
    video.addEventListener("ended", () => this.#decide());
    video.addEventListener("pause", () => this.#hold(!video.ended && !video.error)); // both also pause the element
    video.addEventListener("play", () => this.#hold(false));
    video.addEventListener("volumechange", () => video.muted || this.#silence(false)); // the native controls can unmute too
  }

  /** The last status (the response of stream_status), or null. */
  get status() {
    return this.#status;
  }

  /** The current view: loading, nowhere, offline, starting, live, away, ended or recording. */
  get view() {
    return nameOf(this.#view);
  }

  /** Whether the service has stopped answering, so that `status` may be out of date. */
  get lost() {
    return this.#isLost;
  }

  /** A function that returns a visitor's Bearer token or a promise of one. It is called again before the token expires. Not an attribute: those leak. */
  get getToken() {
    return this.#getToken;
  }

  set getToken(getToken) {
    this.#getToken = getToken;
    this.#restart();
  }

  connectedCallback() {
    if (Object.hasOwn(this, "getToken")) {
      // A property set before the element was upgraded shadows the accessor.
      this.#getToken = this.getToken;
      delete this.getToken;
    }
    this.#start();
  }

  disconnectedCallback() {
    this.#stop();
  }

  attributeChangedCallback(_name, before, now) {
    if (before !== now) this.#restart();
  }

  get #base() {
    const [org, channel] = ["org", "channel"].map((name) => encodeURIComponent(this.getAttribute(name) ?? ""));
    const server = new URL(this.getAttribute("server") ?? "", ORIGIN);
    return `${server.href.replace(/\/?$/, "/")}api/pub/public/v1/orgs/${org}/channels/${channel}/conference/`;
  }

  #restart() {
    if (!this.isConnected || !this.#view) return;
    this.#stop();
    this.#start();
  }

  #start() {
    this.#video.muted = this.hasAttribute("muted");
    this.#isSilenced = false;
    this.#show("loading");
    if (!this.getAttribute("org") || !this.getAttribute("channel")) return;
    this.#source = new Source(this.#base, () => this.#decide());
    this.#feed = new Feed(this.#base, this.#identity(), (status) => (status ? this.#onStatus(status) : this.#onMissing()));
    this.#feed.start();
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#source.learn();
    prepare(this.#video);
  }

  /** The visitor to count. */
  #identity() {
    if (this.hasAttribute("uncounted")) return { visitor: null, token: null };
    const visitor = this.getAttribute("visitor-id") || visitorId();
    return { visitor, token: this.#getToken && new VisitorToken(this.#getToken) };
  }

  #stop() {
    this.#feed?.stop();
    this.#source?.stop();
    this.#playback?.stop();
    clearInterval(this.#timer);
    this.#feed = this.#source = this.#playback = this.#status = this.#replay = null;
    this.#countdown = new Countdown();
    this.#setLost(false);
  }

  #tick() {
    this.#check();
    this.#setLost(this.#feed.silentFor >= SILENT_MS);
    this.#decide();
    if (this.#view === "live") this.#keepUp();
  }

  /** Poll the service if neither events nor playlists have arrived recently: a dead event stream reports no error. */
  #check() {
    if (document.hidden || !this.#status) return;
    const now = Date.now();
    if (this.#status.seconds_until_watchable > 0) this.#feed.check(now);
    else if (this.#status.is_watchable && this.#playback && !this.#replay) {
      const answeredAt = this.#playback.answeredAt ?? now;
      const still = this.#status.state === "live" ? this.#progress.stillFor() : 0;
      if (now - answeredAt > ANSWER_EVERY_MS || still > STILL_MS) this.#feed.check(Math.min(answeredAt, now - still));
    }
  }

  #setLost(isLost) {
    if (this.#isLost === isLost) return;
    this.#isLost = isLost;
    this.#dispatch("streamconnection", { lost: isLost });
  }

  #onStatus(status) {
    const before = this.#status;
    this.#status = status;
    this.#countdown.update(status);
    if (status.state === "ended" && before?.state !== "ended") this.#endedAt = Date.now();
    this.#source.update(status);
    if (!this.#replay) this.#playback?.offer(status.tracks);
    this.#setLost(false);
    this.#dispatch("streamstatus", status);
    this.#decide();
  }

  /** The channel does not exist (any more). */
  #onMissing() {
    this.#status = null;
    this.#setLost(false);
    this.#show(this.#replay ? "recording" : "nowhere");
  }

  get #liveUrl() {
    return this.getAttribute("src") || this.#source?.answer?.view_url;
  }

  get #livePoster() {
    const thumbnail = this.#source?.answer?.thumbnail;
    return thumbnail && `${thumbnail}?height=${POSTER_HEIGHT}`;
  }

  /** Choose the view from the current state. Called after every event and every TICK_MS. */
  #decide() {
    const status = this.#status;
    if (!status) return;
    if (this.#replay) this.#show("recording");
    else if (status.is_watchable) this.#show(this.#onAir());
    else if (this.#playback && status.state === "ended" && this.#isDraining()) this.#show("live");
    else if (status.state === "ended") this.#show("ended");
    else if (this.#isLost) this.#show("lost");
    else if (status.seconds_until_watchable > 0) this.#show(this.#hasStartedEarly ? "live" : "starting");
    else this.#show("offline");
  }

  #onAir() {
    if (!this.#liveUrl) return this.#source.answer ? "nowhere" : "loading"; // the address of a private channel is not public
    const still = this.#progress.stillFor();
    // A hidden or disconnected page may have missed the end of one broadcast and the start of the next.
    if (this.#video.ended && Date.now() - this.#progress.at > NEXT_BROADCAST_MS) this.#playback?.startOver();
    if (still > STILL_MS && this.#isLost) return "lost";
    if (this.#playback?.url !== this.#liveUrl) return "live"; // it has not started to play
    if (still > STILL_MS && this.#status.state === "reconnecting") return "away";
    return still > STARVED_MS && this.#progress.hasMoved ? "lost" : "live";
  }

  /** The player may show the first frames before other players can. */
  get #hasStartedEarly() {
    return this.#playback !== null && this.#video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA;
  }

  #isDraining() {
    const { ended, paused } = this.#video;
    return !ended && !paused && this.#progress.stillFor() <= STILL_MS && Date.now() - this.#endedAt < DRAIN_MS;
  }

  /** Jump to the live edge once after joining, because loading may have taken long. */
  #keepUp() {
    if (!this.#isJoined && this.#progress.hasMoved) {
      this.#isJoined = true;
      if (this.#isBehind) this.#goToEdge();
      else this.#playback?.join();
    }
    this.#playback?.keepUp();
  }

  #measure() {
    const limit = this.#isBehind ? LIVE_AGAIN_SECONDS : BEHIND_SECONDS;
    this.#isBehind = this.#playback !== null && this.#progress.hasMoved && this.#playback.behind > limit;
  }

  get #isPaused() {
    return this.#isHeld && this.#video.paused;
  }

  #goToEdge() {
    this.#playback?.goLive();
    this.#isBehind = false;
  }

  #show(view) {
    const { plays, stays, says, screen, offers } = VIEWS[view];
    if (!stays) this.#play(plays);
    this.#measure();
    if (screen && this.#root.fullscreenElement) document.exitFullscreen().catch(() => {}); // the message is not part of the fullscreen element
    const recording = this.#source?.recording;
    const seconds = view === "starting" ? this.#countdown.seconds() : null;
    this.#frame.show({
      view,
      plays: this.#playback !== null && view !== "starting",
      isWaiting: view === "live" && !this.#isHeld && this.#video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA,
      seconds,
      slateUrl: this.#source?.answer?.slate_image_url,
      poster: view === "live" && !this.#playback?.isEarly ? this.#livePoster : recording?.thumbnail,
      canReplay: Boolean(offers && recording && !this.hasAttribute("no-recording")),
      canUnmute: Boolean(this.#isSilenced && plays),
      canGoLive: this.#canGoLive(view),
      badge: this.#playback && !this.#replay ? this.#badge(view) : null,
    });
    const isCounting = seconds !== null;
    if (isCounting && !this.#isCounting) this.#frame.say(`The stream starts in about ${seconds} seconds.`);
    else if (this.#view !== view) this.#frame.say(says);
    this.#isCounting = isCounting;
    const before = this.view;
    this.#view = view;
    if (this.view !== before) this.#dispatch("streamview", { view: this.view });
  }

  #canGoLive(view) {
    if (!this.#status?.is_watchable || this.#isLost) return false;
    return view === "recording" || (view === "live" && (this.#isPaused || this.#isBehind));
  }

  /** Return the badge: the state of playback, with the viewer count if it is known. */
  #badge(view) {
    const { state, is_watchable: isWatchable, viewer_count: count } = this.#status;
    if (this.#isLost || view === "lost") return { text: VIEWS.lost.says, tone: "quiet" };
    if (view === "starting") return null;
    if (!isWatchable && state === "ended") return { text: "Ended", tone: "quiet" };
    const people = this.hasAttribute("viewers") && count !== undefined ? ` · ${count.toLocaleString()} watching` : "";
    if (state === "reconnecting") return { text: `Waiting for the streamer${people}`, tone: "away" };
    if (this.#isPaused) return { text: `Paused${people}`, tone: "quiet" };
    if (this.#isBehind) return { text: `Behind live${people}`, tone: "quiet" };
    return { text: `Live${people}`, tone: "" };
  }

  #play(what) {
    const isEarly = what === "early" && startsEarly(this.#video, this.#liveUrl, this.#base);
    const url = what === "live" || isEarly ? this.#liveUrl : what === "recording" ? this.#replay.hls : null;
    if ((this.#playback?.url ?? null) === (url ?? null)) return;
    this.#playback?.stop();
    this.#playback = null;
    if (!url) return;
    this.#progress.reset();
    this.#isHeld = this.#isJoined = false;
    this.#playback = new Playback(this.#video, url, isEarly);
    if (what === "live") this.#playback.offer(this.#status.tracks);
  }

  #hold(isHeld) {
    this.#isHeld = isHeld;
    this.#decide();
  }

  /** Start with audio if the browser allows it, otherwise muted with an "Unmute" button. Do nothing if the visitor paused. */
  async #begin() {
    if (this.#isHeld) return;
    const video = this.#video;
    try {
      await video.play();
    } catch (problem) {
      if (problem.name !== "NotAllowedError" || video.muted) return;
      video.muted = true;
      this.#silence(true);
      // If this is blocked too, the native controls offer a play button.
      await video.play().catch(({ name }) => name === "NotAllowedError" && this.#hold(true));
    }
  }

  #silence(isSilenced) {
    this.#isSilenced = isSilenced;
    this.#decide();
  }

  #unmute() {
    this.#video.muted = false;
    this.#silence(false);
    this.#video.focus();
  }

  #playRecording() {
    this.#replay = this.#source.recording;
    this.#decide();
    this.#video.focus();
  }

  #goLive() {
    if (this.#replay) this.#replay = null;
    else {
      this.#goToEdge();
      this.#video.play().catch(() => {});
    }
    this.#decide();
    this.#video.focus();
  }

  #dispatch(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail, bubbles: true, composed: true }));
  }
}

customElements.define("live-stream", LiveStream);

export { Playback };
