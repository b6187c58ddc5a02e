/**
 * <stream-picker org="…"> — whoever builds an interaction picks one of the organization's streams. One script tag, no build step;
 * the README documents it.
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
import "./picture.js"; // the cards': named here, it comes with the others and not one round trip later

const ORIGIN = new URL(".", import.meta.url);
const PAGE = 24;
const REFRESH_MS = 10_000;
const FIRST_RETRY_MS = 2_000;
const LAST_RETRY_MS = 60_000;
const TYPING_MS = 250;
/** Without an answer for longer, states and counts are those of before. */
const SILENT_MS = 5_000;

/** What to say when the streams cannot be read, by the Problem's kind. `waits`: asking again by itself would be of no use. */
const PROBLEMS = {
  signin: { says: "You are not signed in, or not any more.", waits: true },
  forbidden: { says: "You may not see the streams of this organization.", waits: true },
  unknown: { says: "There is no such organization.", waits: true },
  nowhere: { says: "Nobody has said whose streams to show here.", waits: true },
  busy: { says: "The service is busy. Trying again in a moment…" },
  away: { says: "The service cannot be reached. Trying again in a moment…" },
  broken: { says: "The service could not answer. Trying again in a moment…" },
};

class StreamPicker extends Control {
  static observedAttributes = ["org", "server", "value", "state", "label", "required"];

  #root = this.attachShadow({ mode: "open", delegatesFocus: true });
  #view = new View();
  #parts = this.#view.parts;
  #directory = null;
  #giveToken = null;
  #value = "";
  #isChanged = false; // by hand or by script: the attribute does not count any more
  #chosen = null; // the stream that is `value`, once it was seen
  #isLost = false; // `value` is no stream that can be found
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
      this.#typing = setTimeout(() => this.#look(), TYPING_MS);
    });
    filter.addEventListener("change", () => this.#look());
    list.addEventListener("click", (event) => this.#pick(event.target.closest("[role=option]")));
    followKeys(this.#parts, { look: () => this.#look(), pick: (option) => this.#pick(option) });
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

  /** The chosen stream, as `stream-pick` tells it; null while none is chosen, or it was not seen yet. */
  get selected() {
    return this.#chosen && this.#told(this.#chosen);
  }

  // Who asks. Never an attribute: those get into logs, saved pages and error reports.

  /** An API token or `Bearer …`; write only. */
  set token(token) {
    this.getToken = () => token;
  }

  /** Answers a token, or a promise of one. Asked again when the service refuses the last one. */
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
    addEventListener("online", () => this.#problem && this.#load(false), { signal: this.#listeners.signal });
    this.#pace.start();
    this.#restart();
  }

  disconnectedCallback() {
    this.#listeners.abort();
    this.#pace.stop();
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
      if (this.isConnected) this.#look();
    } else {
      this.#view.list([]); // of another organization
      [this.#chosen, this.#isLost] = [null, false];
      if (this.isConnected) this.#restart();
    }
  }

  #label() {
    const label = this.getAttribute("label") || "Streams";
    this.#parts.list.ariaLabel = label;
    this.isCalled(label);
  }

  // Reading the list, and keeping up with it.

  /** From the beginning, with what is known now: another organization, another token, or once more. */
  #restart() {
    const org = this.getAttribute("org");
    const server = new URL(this.getAttribute("server") ?? "", ORIGIN).href.replace(/\/?$/, "/");
    // Asked late: a page may name its token after the element.
    this.#directory = org ? new Directory(server, org, () => this.#giveToken?.()) : null;
    this.#loaded = false;
    this.#look();
  }

  /** For something else than before. */
  #look() {
    clearTimeout(this.#typing);
    this.#wanted = PAGE;
    this.#load(true);
  }

  #retry() {
    this.#parts.search.focus(); // the button goes
    this.#load(true);
  }

  async #showMore() {
    const before = this.#view.size;
    this.#wanted = Math.min(MOST, before + PAGE);
    if (await this.#load(true)) this.#parts.list.children[before]?.focus(); // the button may be gone
  }

  /** `asked`: by hand; else to keep up. True unless something else was wanted meanwhile. */
  async #load(asked) {
    this.#loading?.abort();
    this.#pace.hold();
    const { signal } = (this.#loading = new AbortController());
    if (asked) {
      this.#problem = null;
      this.#show();
    }
    let again = REFRESH_MS;
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#fallSilent(), SILENT_MS);
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
    } catch (problem) {
      if (signal.aborted) return false;
      if (!(problem instanceof Problem)) reportError(problem);
      this.#problem = PROBLEMS[problem.kind] ?? PROBLEMS.broken;
      this.#failures += 1;
      again = problem.retryMs || Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** (this.#failures - 1));
    }
    clearTimeout(this.#silence);
    this.#isSilent = this.#problem !== null;
    this.#loading = null;
    this.#show();
    if (asked) this.#view.say({ problem: this.#problem, isMore: this.#more });
    if (!this.#problem?.waits) this.#pace.next(again);
    return true;
  }

  /** The chosen stream may stand further down than what is shown. */
  async #find(signal) {
    if (!this.#value || this.#chosen || this.#isLost) return;
    const { streams } = await this.#directory.read({ wanted: MOST, signal });
    this.#chosen = streams.find((stream) => stream.uid === this.#value) ?? null;
    this.#isLost = !this.#chosen;
  }

  #fallSilent() {
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
    this.#look();
  }

  // Choosing.

  #pick(option) {
    const stream = this.#view.streamOf(option);
    if (!stream) return;
    const changed = stream.uid !== this.#value;
    this.#isChanged = true;
    this.#chosen = stream;
    this.#choose(stream.uid);
    this.#dispatch("stream-pick", this.#told(stream));
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

  #told({ uid, channel, channel_name, view_url, thumbnail, state, viewer_count }) {
    return { uid, org: this.getAttribute("org"), channel, title: channel_name, view_url, thumbnail, state, viewer_count };
  }

  #dispatch(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail, bubbles: true, composed: true }));
  }
}

customElements.define("stream-picker", StreamPicker);
