/**
 * <live-stream org="…" channel="…"> — the visitor's player. One script tag, no build step; the README documents it.
 *
 *   feed ─▶ status ─▶ #decide ─▶ a view (VIEWS) ─▶ playback
 */

import { Feed, visitorId } from "./player/feed.js";
import { sheet } from "./player/look.js";
import { Playback } from "./player/playback.js";

const ORIGIN = new URL(".", import.meta.url);
/** When to look for the recording of a broadcast that just ended, in ms after the last look; the last one repeats. */
const RECORDING_LOOKS_MS = [0, 1_500, 3_000, 5_000, 10_000, 20_000, 30_000, 60_000];
const SOURCE_RETRY_MS = 3_000;
const TICK_MS = 500;
/** What was buffered when a broadcast ended is played for this long at most. */
const LAST_PICTURES_MS = 15_000;

/** Over a picture, so that words can be read on it. */
const VEIL = "linear-gradient(rgb(0 0 0 / .6), rgb(0 0 0 / .6))";

/** What there is to see, by state of affairs. `screen`: words instead of the picture; `plays`: the playback it needs. */
const VIEWS = {
  loading: { screen: true, spinner: true, says: "Loading the stream…" },
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
  #oldRecording = undefined;
  #wantsRecording = false;
  #startsAt = 0;
  #endedAt = 0;
  #looks = 0;
  #timer = 0;
  #sourceTimer = 0;
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
  }

  /** The last status heard (as stream_status answers it), or null. */
  get status() {
    return this.#status;
  }

  /** What is to see: loading, offline, starting, live, away, ended or recording. */
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
    this.#parts.unmute.hidden = true;
    this.#show("loading");
    if (!this.getAttribute("org") || !this.getAttribute("channel")) return;
    const visitor = this.hasAttribute("uncounted") ? null : this.getAttribute("visitor-id") || visitorId();
    this.#feed = new Feed(this.#base, visitor, (status) => this.#hear(status));
    this.#feed.start();
    this.#timer = setInterval(() => this.#decide(), TICK_MS);
    this.#learnSource();
  }

  #stop() {
    this.#feed?.stop();
    this.#playback?.stop();
    clearInterval(this.#timer);
    clearTimeout(this.#sourceTimer);
    this.#feed = this.#playback = this.#status = this.#source = null;
    this.#oldRecording = undefined;
    this.#wantsRecording = false;
    this.#looks = 0;
  }

  #hear(status) {
    const before = this.#status;
    this.#status = status;
    if (status.seconds_until_watchable > 0) this.#startsAt = Date.now() + 1_000 * status.seconds_until_watchable;
    if (status.state === "ended" && before?.state !== "ended") {
      this.#endedAt = Date.now();
      this.#looks = 0;
      if (before) this.#learnSource();
    }
    if (status.is_watchable && !before?.is_watchable) {
      this.#oldRecording = this.#source?.recording?.uid;
      if (!this.#source?.view_url) this.#learnSource();
    }
    this.#dispatch("streamstatus", status);
    this.#decide();
  }

  /** Where to play from. Asked at the start, when a stream appears, and, after an end, until its recording is there. */
  async #learnSource() {
    clearTimeout(this.#sourceTimer);
    let wait = SOURCE_RETRY_MS;
    try {
      const answer = await fetch(`${this.#base}stream_player`, { credentials: "omit" });
      if (!this.isConnected) return;
      if (answer.ok) {
        this.#source = await answer.json();
        if (this.#status?.is_watchable) this.#oldRecording = this.#source.recording?.uid;
        wait = this.#status?.state === "ended" && !this.#recording ? this.#nextLook() : 0;
      } else if (answer.status === 404) {
        wait = 0; // nothing public here; should it stream one day, we shall hear
        this.#source = {};
      }
    } catch {
      // The server is away: again below.
    }
    if (wait) this.#sourceTimer = setTimeout(() => this.#learnSource(), wait * (1 + Math.random() / 2));
    this.#decide();
  }

  #nextLook() {
    return RECORDING_LOOKS_MS[Math.min(++this.#looks, RECORDING_LOOKS_MS.length - 1)];
  }

  /** The recording to offer: not the one from before the broadcast that was just watchable. */
  get #recording() {
    const recording = this.#source?.recording;
    return recording && recording.uid !== this.#oldRecording ? recording : null;
  }

  get #liveUrl() {
    return this.getAttribute("src") || this.#source?.view_url;
  }

  /** From what is known to what is to see. Called at everything that happens, and twice a second. */
  #decide() {
    const status = this.#status;
    if (!status) return;
    if (this.#wantsRecording) this.#show("recording");
    else if (status.is_watchable) this.#show(!this.#liveUrl ? "loading" : this.#away() ? "away" : "live");
    else if (this.#playback && status.state === "ended" && this.#lastPictures()) this.#show("live");
    else if (status.state === "ended") this.#show("ended");
    else if (status.seconds_until_watchable > 0) this.#show("starting");
    else this.#show("offline");
  }

  #away() {
    return this.#stands() && this.#status.state === "reconnecting";
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
    const { video, slate, screen, spinner, message, count, button, badge, viewers, golive, said } = this.#parts;
    this.#play(view.plays);
    const seconds = Math.max(1, Math.ceil((this.#startsAt - Date.now()) / 1_000));
    const slateUrl = this.#source?.slate_image_url;
    if (slateUrl && slate.getAttribute("src") !== slateUrl) slate.src = slateUrl; // early: it must be there when it is needed
    const slated = Boolean(view.slate && slateUrl && slate.complete && slate.naturalWidth);
    video.hidden = !view.plays;
    video.controls = !view.slate;
    slate.hidden = !slated;
    screen.hidden = !view.screen && (!view.slate || slated);
    const poster = view.offers && this.#recording?.thumbnail;
    screen.style.backgroundImage = poster ? `${VEIL}, url(${JSON.stringify(poster)})` : "";
    screen.classList.toggle("veil", Boolean(view.slate || poster));
    spinner.hidden = !view.spinner && !view.slate;
    message.textContent = view.countdown ? "Starts in" : view.says;
    count.hidden = !view.countdown;
    count.textContent = `${seconds} s`;
    button.hidden = !(view.offers && this.#recording && !this.hasAttribute("no-recording"));
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
    const url = what === "live" ? this.#liveUrl : what === "recording" ? this.#recording?.hls : null;
    if ((this.#playback?.url ?? null) === (url ?? null)) return;
    this.#playback?.stop();
    this.#playback = null;
    if (!url) return;
    this.#progress = { time: -1, at: Date.now() };
    this.#playback = new Playback(this.#parts.video, url);
  }

  /** With sound if the browser lets us, else without and with a button. */
  async #begin() {
    const { video, unmute } = this.#parts;
    try {
      await video.play();
    } catch (problem) {
      if (problem.name !== "NotAllowedError" || video.muted) return;
      video.muted = true;
      unmute.hidden = false;
      await video.play().catch(() => {}); // its own controls have a play button
    }
  }

  #unmute() {
    this.#parts.video.muted = false;
    this.#parts.unmute.hidden = true;
    this.#parts.video.focus();
  }

  #playRecording() {
    this.#wantsRecording = true;
    this.#decide();
    this.#parts.video.focus();
  }

  #goLive() {
    this.#wantsRecording = false;
    this.#decide();
    this.#parts.video.focus();
  }

  #dispatch(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail, bubbles: true, composed: true }));
  }
}

customElements.define("live-stream", LiveStream);
