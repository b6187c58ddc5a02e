/**
 * <stream-picker org="…">: a form control to pick one of the organization's streams. One script tag, no build step.
 * README.md in this directory documents it.
 *
 *   #load ─▶ Directory ─▶ streams ─▶ View ─▶ cards ─▶ #pick ─▶ value, events
 *
 * A form control: `name`, `value`, `required`, `disabled`, <label for>, reset.
 */

import { Control } from "./picker/control.js";
import { Directory, Problem } from "./picker/directory.js";
import { STATES } from "./picker/frame.js";
import { followKeys } from "./picker/keys.js";
import { sheet } from "./picker/look.js";
import { Pace } from "./picker/pace.js";
import { MOST, View } from "./picker/view.js";
import "./picture.js"; // used by the cards; imported here so that it loads in the same round trip

const ORIGIN = new URL(".", import.meta.url);
const PAGE = 24;
const REFRESH_MS = 10_000;
/** The interval of refreshes while changes arrive, for what they do not report: numbers of viewers. */
const LIVE_REFRESH_MS = 30_000;
/** Changes that arrive together are read together. */
const TOGETHER_MS = 100;
const FIRST_RETRY_MS = 2_000;
const LAST_RETRY_MS = 60_000;
const TYPING_MS = 250;
/** After this long without an answer, states and counts are marked as out of date. */
const SILENT_MS = 5_000;

/** Messages by the Problem's kind. `waits`: do not retry automatically, because it cannot help. */
const PROBLEMS = {
  signin: { says: "Sign in to see streams.", waits: true },
  expired: { says: "Your session is not valid or has expired. Sign in again.", waits: true },
  forbidden: { says: "You do not have access to this organization's streams.", waits: true },
  unknown: { says: "Organization not found.", waits: true },
  nowhere: { says: "No organization is set.", waits: true },
  busy: { says: "The service is busy. Trying again in a moment…" },
  unavailable: { says: "The service cannot be reached. Trying again in a moment…" },
  broken: { says: "The service reported an error. Trying again in a moment…" },
};

class StreamPicker extends Control {
  static observedAttributes = ["org", "server", "value", "state", "label", "required"];

  #root = this.attachShadow({ mode: "open", delegatesFocus: true });
  #view = new View();
  #parts = this.#view.parts;
  #directory = null;
  #giveToken = null;
  #value = "";
  #isChanged = false; // by the user or a script: the `value` attribute no longer applies
  #chosen = null; // the stream whose uid is `value`, once it is known
  #isLost = false; // no stream has the uid `value`
  #wanted = PAGE;
  #loading = null;
  #loaded = false;
  #more = false;
  #problem = null;
  #silence = 0;
  #isSilent = false;
  #failures = 0;
  #typing = 0;
  #pace = new Pace(this, () => this.#load(false));
  #listeners = null;
  #subscription = null;
  #isLive = false; // changes arrive
  #isAsked = false; // the user waits for a result, also if a refresh has replaced that load
  #isOutdated = false; // something has changed since the last load began

  constructor() {
    super();
    this.#root.adoptedStyleSheets = [sheet];
    this.#root.append(this.#parts.body);
    this.#listen();
    this.#label();
  }

  #listen() {
    const { search, filter, list, again, retry, reset, more, clear } = this.#parts;
    again.onclick = retry.onclick = () => this.#retry();
    reset.onclick = () => this.#unfilter();
    more.onclick = () => this.#showMore();
    clear.onclick = () => this.#clear();
    search.addEventListener("input", () => {
      clearTimeout(this.#typing);
      this.#typing = setTimeout(() => this.#reload(), TYPING_MS);
    });
    filter.addEventListener("change", () => this.#reload());
    list.addEventListener("click", (event) => this.#pick(event.target.closest("[role=option]")));
    followKeys(this.#parts, { search: () => this.#reload(), pick: (option) => this.#pick(option) });
  }

  // The element as a form control.

  formResetCallback() {
    this.#isChanged = false;
    this.#choose(this.getAttribute("value") ?? "");
  }

  formStateRestoreCallback(value) {
    this.value = value;
  }

  formDisabledCallback(disabled) {
    this.#parts.body.inert = disabled;
  }

  /** The uid of the chosen stream, or "". */
  get value() {
    return this.#value;
  }

  set value(value) {
    this.#isChanged = true;
    this.#choose(String(value ?? ""));
  }

  /** The selected stream, as in the detail of `stream-pick`; null if none is selected or it is not known yet. */
  get selected() {
    return this.#chosen && this.#detailOf(this.#chosen);
  }

  // Credentials. Never attributes, because those end up in logs, saved pages and error reports.

  /** An API token or `Bearer …`; write only. */
  set token(token) {
    this.getToken = () => token;
  }

  /** A function that returns a token or a promise of one. It is called again when the service rejects the last token. */
  get getToken() {
    return this.#giveToken;
  }

  set getToken(giveToken) {
    this.#giveToken = giveToken;
    if (this.isConnected) this.#restart();
  }

  connectedCallback() {
    this.adopt("token", "getToken", "value");
    this.#listeners = new AbortController();
    const { signal } = this.#listeners;
    addEventListener("online", () => this.#problem && this.#load(false), { signal });
    addEventListener("securitypolicyviolation", (event) => this.#forbid(event), { signal });
    this.#pace.start();
    this.#restart();
  }

  disconnectedCallback() {
    this.#listeners.abort();
    this.#pace.stop();
    this.#unfollow();
    this.#loading?.abort();
    clearTimeout(this.#typing);
    clearTimeout(this.#silence);
  }

  attributeChangedCallback(name, before, now) {
    if (before === now) return;
    if (name === "value") this.#isChanged || this.#choose(now ?? "");
    else if (name === "label") this.#label();
    else if (name === "required") this.#judge();
    else if (name === "state") {
      this.#parts.filter.value = Object.hasOwn(STATES, now) ? now : "";
      if (this.isConnected) this.#reload();
    } else {
      this.#view.list([]); // these belong to the previous organization
      [this.#chosen, this.#isLost] = [null, false];
      if (this.isConnected) this.#restart();
    }
  }

  #label() {
    const label = this.getAttribute("label") || "Streams";
    this.#parts.list.ariaLabel = label;
    this.isCalled(label);
  }

  // Loading and refreshing the list.

  /** Start again, after a change of the organization or the token. */
  #restart() {
    const org = this.getAttribute("org");
    const server = new URL(this.getAttribute("server") ?? "", ORIGIN).href.replace(/\/?$/, "/");
    // Called late, because a page may set getToken after inserting the element.
    this.#unfollow();
    this.#directory = org ? new Directory(server, org, () => this.#giveToken?.()) : null;
    this.#loaded = false;
    this.#reload();
  }

  /** Load the first page for changed search parameters. */
  #reload() {
    clearTimeout(this.#typing);
    this.#wanted = PAGE;
    this.#load(true);
  }

  #retry() {
    this.#parts.search.focus(); // the button disappears
    this.#load(true);
  }

  async #showMore() {
    const before = this.#view.size;
    this.#wanted = Math.min(MOST, before + PAGE);
    if (await this.#load(true)) this.#parts.list.children[before]?.focus(); // the button may have disappeared
  }

  /** Load the list. `asked`: by the user, otherwise a refresh. Return false if a newer load replaced this one. */
  async #load(asked) {
    this.#loading?.abort();
    this.#pace.hold();
    const { signal } = (this.#loading = new AbortController());
    this.#isAsked ||= asked;
    if (asked) {
      this.#problem = null;
      this.#show();
    }
    this.#isOutdated = false;
    let failed = 0; // the delay before the next attempt
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#markSilent(), SILENT_MS);
    try {
      if (!this.#directory) throw new Problem("nowhere");
      const { streams, more } = await this.#directory.read({ wanted: this.#wanted, ...this.#view.query, signal });
      this.#more = more;
      this.#problem = null;
      this.#failures = 0;
      this.#loaded = true;
      this.#view.list(streams);
      this.#chosen = this.#view.stream(this.#value) ?? this.#chosen;
      await this.#find(signal);
      this.#follow();
    } catch (problem) {
      if (signal.aborted) return false;
      if (!(problem instanceof Problem)) reportError(problem);
      this.#problem = PROBLEMS[problem.kind] ?? PROBLEMS.broken;
      this.#failures += 1;
      failed = problem.retryMs || Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** (this.#failures - 1));
    }
    clearTimeout(this.#silence);
    this.#isSilent = this.#problem !== null;
    this.#loading = null;
    this.#show();
    if (this.#isAsked) this.#view.say({ problem: this.#problem, isMore: this.#more });
    this.#isAsked = false;
    const usual = this.#isOutdated ? TOGETHER_MS : this.#isLive ? LIVE_REFRESH_MS : REFRESH_MS;
    if (!this.#problem?.waits) this.#pace.next(failed || usual);
    return true;
  }

  /** Refresh when streams change. Without a connection for changes, the list is refreshed at intervals. */
  #follow() {
    const changed = () => {
      this.#isOutdated = true;
      if (!this.#loading) this.#pace.next(TOGETHER_MS);
    };
    this.#subscription ??= this.#directory.follow({
      onChange: changed,
      onReset: changed,
      onLive: (isLive) => {
        this.#isLive = isLive;
        if (this.isConnected) changed();
      },
      onEnd: () => (this.#subscription = null), // the next refresh follows again, or reports the problem
    });
  }

  /** Refresh at intervals alone if the page's Content-Security-Policy forbids the WebSocket. */
  #forbid({ blockedURI }) {
    if (!/^wss?:/.test(blockedURI) || !this.#subscription) return;
    this.#subscription.close();
    this.#subscription = { close() {} };
  }

  #unfollow() {
    this.#subscription?.close();
    [this.#subscription, this.#isLive] = [null, false];
  }

  /** Find the selected stream if it is not among those shown. */
  async #find(signal) {
    if (!this.#value || this.#chosen || this.#isLost) return;
    const { streams } = await this.#directory.read({ wanted: MOST, signal });
    this.#chosen = streams.find((stream) => stream.uid === this.#value) ?? null;
    this.#isLost = !this.#chosen;
  }

  #markSilent() {
    this.#isSilent = true;
    this.#show();
  }

  #show() {
    this.#view.show({
      problem: this.#problem,
      isStale: this.#isSilent,
      isLoaded: this.#loaded,
      isLoading: this.#loading !== null,
      isMore: this.#more,
      wanted: this.#wanted,
      canRetry: this.#directory !== null,
      isRequired: this.hasAttribute("required"),
      value: this.#value,
      chosen: this.#chosen,
      isLost: this.#isLost,
    });
  }

  #unfilter() {
    this.#parts.search.value = this.#parts.filter.value = "";
    this.#parts.search.focus();
    this.#reload();
  }

  // Selection.

  #pick(option) {
    const stream = this.#view.streamOf(option);
    if (!stream) return;
    const changed = stream.uid !== this.#value;
    this.#isChanged = true;
    this.#chosen = stream;
    this.#choose(stream.uid);
    this.#dispatch("stream-pick", this.#detailOf(stream));
    if (changed) this.announceChange();
  }

  #clear() {
    this.value = "";
    this.#parts.search.focus();
    this.#dispatch("stream-clear", null);
    this.announceChange();
  }

  #choose(uid) {
    if (this.#chosen?.uid !== uid) this.#chosen = this.#view.stream(uid);
    this.#value = uid;
    this.#isLost = false;
    this.#judge();
    this.#show();
    if (uid && !this.#chosen && this.#loaded && !this.#loading && this.isConnected) this.#load(false);
  }

  #judge() {
    const isMissing = this.hasAttribute("required") && !this.#value;
    this.submits(this.#value, isMissing ? "Choose a stream." : "", this.#parts.search);
  }

  #detailOf({ uid, channel, channel_name, view_url, thumbnail, state, viewer_count }) {
    return { uid, org: this.getAttribute("org"), channel, title: channel_name, view_url, thumbnail, state, viewer_count };
  }

  #dispatch(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail, bubbles: true, composed: true }));
  }
}

customElements.define("stream-picker", StreamPicker);
