/**
 * <live-stream org="…" channel="…"> — the visitor's player. One script tag, no build step; the README documents it.
 *
 *   feed ─▶ status ─▶ #decide ─▶ a view (VIEWS) ─▶ playback
 */

import { Countdown } from "./player/countdown.js";
import { Feed } from "./player/feed.js";
import { Frame, nameOf, VIEWS } from "./player/frame.js";
import { sheet } from "./player/look.js";
import { Playback } from "./player/playback.js";
import { Progress } from "./player/progress.js";
import { Source } from "./player/source.js";
import { VisitorToken, visitorId } from "./player/visitor.js";

const ORIGIN = new URL(".", import.meta.url);
const TICK_MS = 500;
/** A picture that has not moved for longer stands still. */
const STILL_MS = 2 * TICK_MS;
/** A live picture that stands still for longer is not live, whatever the status says. */
const STARVED_MS = 5_000;
/** Without an answer of the service for longer, nothing is known of the stream any more. */
const SILENT_MS = 5_000;
/** While a stream starts or plays the service, or its playlists, are heard at least this often; else it is checked. */
const HEARD_EVERY_MS = 3_000;
/** A picture that is further behind than it was meant to be is not live; it is live again when it has come nearer than this. */
const BEHIND_SECONDS = 3;
const LIVE_AGAIN_SECONDS = 2;
/** What was buffered when a broadcast ended is played for this long at most. */
const LAST_PICTURES_MS = 15_000;
/** When the picture has come to its end for this long and there is still something to watch, it is the next broadcast. */
const NEXT_BROADCAST_MS = 2_000;

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
  #replay = null; // the recording that is watched; it stays the same when a newer one is there
  #endedAt = 0;
  #timer = 0;
  #isLost = false; // the service does not answer
  #isHeld = false; // stopped by hand, or not allowed to start
  #isSilenced = false; // by the browser, which lets nothing start with sound
  #isBehind = false;
  #isJoined = false; // has begun to play at the live edge
  #isCounting = false;
  #getToken = null;

  constructor() {
    super();
    this.#root.adoptedStyleSheets = [sheet];
    const video = this.#video;
    video.addEventListener("loadedmetadata", () => this.#begin()); // also after an error that made it start over
    video.addEventListener("ended", () => this.#decide());
    video.addEventListener("pause", () => this.#hold(!video.ended && !video.error)); // both stop it, too
    video.addEventListener("play", () => this.#hold(false));
    video.addEventListener("volumechange", () => video.muted || this.#silence(false)); // it has controls of its own
  }

  /** The last status heard (as stream_status answers it), or null. */
  get status() {
    return this.#status;
  }

  /** What is to see: loading, nowhere, offline, starting, live, away, ended or recording. */
  get view() {
    return nameOf(this.#view);
  }

  /** Whether the service has not answered for a while: then `status` may be out of date. */
  get lost() {
    return this.#isLost;
  }

  /** Returns a visitor's Bearer token, or a promise of one. It is called again before the token expires. Never an attribute. */
  get getToken() {
    return this.#getToken;
  }

  set getToken(getToken) {
    this.#getToken = getToken;
    this.#restart();
  }

  connectedCallback() {
    if (Object.hasOwn(this, "getToken")) {
      // Assigned before the browser knew the element, it hides the property it was meant for.
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
    this.#feed = new Feed(this.#base, this.#identity(), (status) => (status ? this.#hear(status) : this.#miss()));
    this.#feed.start();
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#source.learn();
  }

  /** Who is counted. */
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

  /** An event stream that has died says nothing: whether the service answers is seen by what else is heard of it, or not. */
  #check() {
    if (document.hidden || !this.#status) return;
    const now = Date.now();
    if (this.#status.seconds_until_watchable > 0) this.#feed.check(now);
    else if (this.#status.is_watchable && this.#playback && !this.#replay) {
      const heardAt = this.#playback.answeredAt ?? now;
      const still = this.#status.state === "live" ? this.#progress.stillFor() : 0;
      if (now - heardAt > HEARD_EVERY_MS || still > STILL_MS) this.#feed.check(Math.min(heardAt, now - still));
    }
  }

  #setLost(isLost) {
    if (this.#isLost === isLost) return;
    this.#isLost = isLost;
    this.#dispatch("streamconnection", { lost: isLost });
  }

  #hear(status) {
    const before = this.#status;
    this.#status = status;
    this.#countdown.hear(status);
    if (status.state === "ended" && before?.state !== "ended") this.#endedAt = Date.now();
    this.#source.hear(status);
    if (!this.#replay) this.#playback?.offer(status.tracks);
    this.#setLost(false);
    this.#dispatch("streamstatus", status);
    this.#decide();
  }

  /** There is no such channel, or not any more. */
  #miss() {
    this.#status = null;
    this.#setLost(false);
    this.#show(this.#replay ? "recording" : "nowhere");
  }

  get #liveUrl() {
    return this.getAttribute("src") || this.#source?.answer?.view_url;
  }

  /** From what is known to what is to see. Called at everything that happens, and twice a second. */
  #decide() {
    const status = this.#status;
    if (!status) return;
    if (this.#replay) this.#show("recording");
    else if (status.is_watchable) this.#show(this.#onAir());
    else if (this.#playback && status.state === "ended" && this.#lastPictures()) this.#show("live");
    else if (status.state === "ended") this.#show("ended");
    else if (this.#isLost) this.#show("lost");
    else if (status.seconds_until_watchable > 0) this.#show("starting");
    else this.#show("offline");
  }

  #onAir() {
    if (!this.#liveUrl) return this.#source.answer ? "nowhere" : "loading"; // a private channel's address is not public
    const still = this.#progress.stillFor();
    // A hidden page, or one that was out of reach, may have heard nothing of an end and a new beginning.
    if (this.#video.ended && Date.now() - this.#progress.at > NEXT_BROADCAST_MS) this.#playback?.startOver();
    if (still > STILL_MS && this.#isLost) return "lost";
    if (this.#playback?.url !== this.#liveUrl) return "live"; // nothing of it has been played yet
    if (still > STILL_MS && this.#status.state === "reconnecting") return "away";
    return still > STARVED_MS && this.#progress.hasMoved ? "lost" : "live";
  }

  #lastPictures() {
    const { ended, paused } = this.#video;
    return !ended && !paused && this.#progress.stillFor() <= STILL_MS && Date.now() - this.#endedAt < LAST_PICTURES_MS;
  }

  /** Whoever joins begins at the live edge, however long it took to begin. */
  #keepUp() {
    if (!this.#isJoined && this.#progress.hasMoved) {
      this.#isJoined = true;
      if (this.#isBehind) this.#goToEdge();
    }
    this.#playback?.keepUp();
  }

  #measure() {
    this.#isBehind = this.#playback !== null && this.#playback.behind > (this.#isBehind ? LIVE_AGAIN_SECONDS : BEHIND_SECONDS);
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
    if (screen && this.#root.fullscreenElement) document.exitFullscreen().catch(() => {}); // the words are outside of it
    const recording = this.#source?.recording;
    const seconds = view === "starting" ? this.#countdown.seconds() : null;
    this.#frame.show({
      view,
      plays: this.#playback !== null,
      isWaiting: view === "live" && !this.#isHeld && this.#video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA,
      seconds,
      slateUrl: this.#source?.answer?.slate_image_url,
      poster: recording?.thumbnail,
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

  /** What the picture is, and who else sees it as far as that is known. */
  #badge(view) {
    const { state, is_watchable: isWatchable, viewer_count: count } = this.#status;
    if (this.#isLost || view === "lost") return { text: VIEWS.lost.says, tone: "quiet" };
    if (!isWatchable) return { text: "Ended", tone: "quiet" };
    const people = this.hasAttribute("viewers") && count !== undefined ? ` · ${count.toLocaleString()} watching` : "";
    if (state === "reconnecting") return { text: `Waiting for the streamer${people}`, tone: "away" };
    if (this.#isPaused) return { text: `Paused${people}`, tone: "quiet" };
    if (this.#isBehind) return { text: `Behind live${people}`, tone: "quiet" };
    return { text: `Live${people}`, tone: "" };
  }

  #play(what) {
    const url = what === "live" ? this.#liveUrl : what === "recording" ? this.#replay.hls : null;
    if ((this.#playback?.url ?? null) === (url ?? null)) return;
    this.#playback?.stop();
    this.#playback = null;
    if (!url) return;
    this.#progress.reset();
    this.#isHeld = this.#isJoined = false;
    this.#playback = new Playback(this.#video, url);
    if (what === "live") this.#playback.offer(this.#status.tracks);
  }

  #hold(isHeld) {
    this.#isHeld = isHeld;
    this.#decide();
  }

  /** With sound if the browser lets us, else without and with a button. Not against the visitor's will. */
  async #begin() {
    if (this.#isHeld) return;
    const video = this.#video;
    try {
      await video.play();
    } catch (problem) {
      if (problem.name !== "NotAllowedError" || video.muted) return;
      video.muted = true;
      this.#silence(true);
      // Its own controls have a play button.
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
