/**
 * <live-stream org="…" channel="…"> — the visitor's player. One script tag, no build step; the README documents it.
 *
 *   feed ─▶ status ─▶ #decide ─▶ a view (VIEWS) ─▶ playback
 */

import { Feed, visitorId } from "./player/feed.js";
import { sheet } from "./player/look.js";
import { Playback } from "./player/playback.js";
import { Source } from "./player/source.js";

const ORIGIN = new URL(".", import.meta.url);
const TICK_MS = 500;
/** What was buffered when a broadcast ended is played for this long at most. */
const LAST_PICTURES_MS = 15_000;
/** When the picture has come to its end for this long and there is still something to watch, it is the next broadcast. */
const NEXT_BROADCAST_MS = 2_000;

/** Over a picture, so that words can be read on it. */
const VEIL = "linear-gradient(rgb(0 0 0 / .6), rgb(0 0 0 / .6))";

/** What there is to see, by state of affairs. `screen`: words instead of the picture; `plays`: the playback it needs. */
const VIEWS = {
  loading: { screen: true, spinner: true, says: "Loading the stream…" },
  nowhere: { screen: true, says: "There is no stream here." },
  offline: { screen: true, says: "The stream has not started yet." },
  starting: { screen: true, countdown: true, says: "The stream is about to start." },
  live: { plays: "live", says: "The stream is live." },
  away: { plays: "live", slate: true, says: "The stream will be right back." },
  ended: { screen: true, offers: true, says: "The stream has ended." },
  recording: { plays: "recording", says: "Playing the recording." },
};

class LiveStream extends HTMLElement {
  static observedAttributes = ["org", "channel", "src", "server"];

  #root = this.attachShadow({ mode: "open" });
  #parts = {};
  #feed = null;
  #playback = null;
  #view = "";
  #status = null;
  #source = null;
  #replay = null; // the recording that is watched; it stays the same when a newer one is there
  #startsAt = 0;
  #endedAt = 0;
  #timer = 0;
  #isHeld = false; // stopped by hand
  #isSilenced = false; // by the browser, which lets nothing start with sound
  #progress = { time: -1, at: 0 };

  constructor() {
    super();
    this.#root.adoptedStyleSheets = [sheet];
    const make = (tag, part, properties = {}, ...children) => {
      const element = Object.assign(document.createElement(tag), { className: part, part, ...properties });
      element.append(...children);
      this.#parts[part] = element;
      return element;
    };
    this.#root.append(
      make("video", "video", { playsInline: true, controls: true }),
      make("img", "slate", { alt: "" }),
      make(
        "div",
        "screen",
        {},
        make("span", "spinner"),
        make("p", "message", { ariaHidden: "true" }),
        make("p", "count", { ariaHidden: "true" }),
        make("button", "button", { type: "button", onclick: () => this.#playRecording() }, "Watch the recording"),
      ),
      make("div", "badge", {}, make("span", "dot"), make("span", "viewers")),
      make("button", "unmute", { type: "button", onclick: () => this.#unmute() }, "Unmute"),
      make("button", "golive", { type: "button", onclick: () => this.#goLive() }, "Live now"),
      make("p", "said", { role: "status" }),
    );
    const { video } = this.#parts;
    video.setAttribute("aria-label", "Live stream");
    video.addEventListener("loadedmetadata", () => this.#begin()); // also after an error that made it start over
    video.addEventListener("ended", () => this.#decide());
    video.addEventListener("pause", () => (this.#isHeld = !video.ended && !video.error)); // both stop it, too
    video.addEventListener("play", () => (this.#isHeld = false));
    video.addEventListener("volumechange", () => video.muted || this.#silence(false)); // it has controls of its own
  }

  /** The last status heard (as stream_status answers it), or null. */
  get status() {
    return this.#status;
  }

  /** What is to see: loading, nowhere, offline, starting, live, away, ended or recording. */
  get view() {
    return this.#view;
  }

  connectedCallback() {
    this.#start();
  }

  disconnectedCallback() {
    this.#stop();
  }

  attributeChangedCallback(_name, before, now) {
    if (this.isConnected && before !== now && this.#view) {
      this.#stop();
      this.#start();
    }
  }

  get #base() {
    const [org, channel] = ["org", "channel"].map((name) => encodeURIComponent(this.getAttribute(name) ?? ""));
    const server = new URL(this.getAttribute("server") ?? "", ORIGIN);
    return `${server.href.replace(/\/?$/, "/")}api/pub/public/v1/orgs/${org}/channels/${channel}/conference/`;
  }

  #start() {
    this.#parts.video.muted = this.hasAttribute("muted");
    this.#isSilenced = false;
    this.#show("loading");
    if (!this.getAttribute("org") || !this.getAttribute("channel")) return;
    const visitor = this.hasAttribute("uncounted") ? null : this.getAttribute("visitor-id") || visitorId();
    this.#source = new Source(this.#base, () => this.#decide());
    this.#feed = new Feed(this.#base, visitor, (status) => (status ? this.#hear(status) : this.#miss()));
    this.#feed.start();
    this.#timer = setInterval(() => this.#decide(), TICK_MS);
    this.#source.learn();
  }

  #stop() {
    this.#feed?.stop();
    this.#source?.stop();
    this.#playback?.stop();
    clearInterval(this.#timer);
    this.#feed = this.#source = this.#playback = this.#status = this.#replay = null;
  }

  #hear(status) {
    const before = this.#status;
    this.#status = status;
    if (status.seconds_until_watchable > 0) this.#startsAt = Date.now() + 1_000 * status.seconds_until_watchable;
    if (status.state === "ended" && before?.state !== "ended") this.#endedAt = Date.now();
    this.#source.hear(status);
    this.#dispatch("streamstatus", status);
    this.#decide();
  }

  /** There is no such channel, or not any more. */
  #miss() {
    this.#status = null;
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
    else if (status.seconds_until_watchable > 0) this.#show("starting");
    else this.#show("offline");
  }

  #onAir() {
    if (!this.#liveUrl) return this.#source.answer ? "nowhere" : "loading"; // a private channel's address is nobody's to know
    const stands = this.#stands();
    // A hidden page, or one that was out of reach, may have heard nothing of an end and a new beginning.
    if (this.#parts.video.ended && Date.now() - this.#progress.at > NEXT_BROADCAST_MS) this.#playback?.startOver();
    return stands && this.#status.state === "reconnecting" ? "away" : "live";
  }

  /** The picture has not moved for two looks, and not because somebody stopped it. */
  #stands() {
    const { video } = this.#parts;
    const now = Date.now();
    if (video.currentTime !== this.#progress.time) this.#progress = { time: video.currentTime, at: now };
    return !video.paused && now - this.#progress.at > 2 * TICK_MS;
  }

  #lastPictures() {
    const { video } = this.#parts;
    return !video.ended && !video.paused && !this.#stands() && Date.now() - this.#endedAt < LAST_PICTURES_MS;
  }

  #show(name) {
    const view = VIEWS[name];
    const { video, slate, screen, spinner, message, count, button, badge, viewers, unmute, golive, said } = this.#parts;
    this.#play(view.plays);
    if (view.screen && this.#root.fullscreenElement) document.exitFullscreen().catch(() => {}); // the words are outside of it
    const seconds = Math.max(1, Math.ceil((this.#startsAt - Date.now()) / 1_000));
    const recording = this.#source?.recording;
    const slateUrl = this.#source?.answer?.slate_image_url;
    if (slateUrl && slate.getAttribute("src") !== slateUrl) slate.src = slateUrl; // early: it must be there when it is needed
    const slated = Boolean(view.slate && slateUrl && slate.complete && slate.naturalWidth);
    video.hidden = !view.plays;
    video.controls = !view.slate;
    slate.hidden = !slated;
    screen.hidden = !view.screen && (!view.slate || slated);
    const poster = view.offers && recording?.thumbnail;
    screen.style.backgroundImage = poster ? `${VEIL}, url(${JSON.stringify(poster)})` : "";
    screen.classList.toggle("veil", Boolean(view.slate || poster));
    spinner.hidden = !view.spinner && !view.slate;
    message.textContent = view.countdown ? "Starts in" : view.says;
    count.hidden = !view.countdown;
    count.textContent = `${seconds} s`;
    button.hidden = !(view.offers && recording && !this.hasAttribute("no-recording"));
    unmute.hidden = !(this.#isSilenced && view.plays);
    golive.hidden = !(name === "recording" && this.#status?.is_watchable);
    badge.hidden = view.plays !== "live";
    badge.classList.toggle("away", this.#status?.state === "reconnecting");
    viewers.textContent = this.#badge();
    if (this.#view === name) return;
    this.#view = name;
    said.textContent = view.countdown ? `The stream starts in about ${seconds} seconds.` : view.says;
    this.#dispatch("streamview", { view: name });
  }

  #badge() {
    const live = this.#status?.state === "reconnecting" ? "Waiting for the streamer" : "Live";
    const people = this.#status?.viewer_count;
    return this.hasAttribute("viewers") && people !== undefined ? `${live} · ${people.toLocaleString()} watching` : live;
  }

  #play(what) {
    const url = what === "live" ? this.#liveUrl : what === "recording" ? this.#replay.hls : null;
    if ((this.#playback?.url ?? null) === (url ?? null)) return;
    this.#playback?.stop();
    this.#playback = null;
    if (!url) return;
    this.#progress = { time: -1, at: Date.now() };
    this.#isHeld = false;
    this.#playback = new Playback(this.#parts.video, url);
  }

  /** With sound if the browser lets us, else without and with a button. Not against the visitor's will. */
  async #begin() {
    if (this.#isHeld) return;
    const { video } = this.#parts;
    try {
      await video.play();
    } catch (problem) {
      if (problem.name !== "NotAllowedError" || video.muted) return;
      video.muted = true;
      this.#silence(true);
      await video.play().catch(() => {}); // its own controls have a play button
    }
  }

  #silence(isSilenced) {
    this.#isSilenced = isSilenced;
    this.#decide();
  }

  #unmute() {
    this.#parts.video.muted = false;
    this.#silence(false);
    this.#parts.video.focus();
  }

  #playRecording() {
    this.#replay = this.#source.recording;
    this.#decide();
    this.#parts.video.focus();
  }

  #goLive() {
    this.#replay = null;
    this.#decide();
    this.#parts.video.focus();
  }

  #dispatch(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail, bubbles: true, composed: true }));
  }
}

customElements.define("live-stream", LiveStream);
