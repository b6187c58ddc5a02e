/**
 * The status of a channel's stream, as it changes.
 *
 * The feed uses Server-Sent Events while the page is visible. It polls, at the interval that the server asks for, while the page is
 * hidden or events are unavailable: background tabs must not hold the few connections that a browser allows to one host. Both count
 * the visitor; a hidden page's timers fire once a minute, well within the two minutes for which a visitor is counted.
 * With a visitor's token the feed always polls, because EventSource cannot send headers.
 */

const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 10_000;
const POLL_TIMEOUT_MS = 10_000;
/** Delay before another event stream is tried after one was refused (429, 503) or failed. */
const EVENTS_AGAIN_MS = 30_000;
/** An event stream without events for this long is checked by a poll: a broken connection may never report an error. */
const SILENCE_MS = 45_000;
/** The first event is due within this time after each connection, also after the browser reconnects. */
const FIRST_EVENT_MS = 5_000;
/** The minimum time between two polls that only check whether the service answers. */
const CHECK_EVERY_MS = 3_000;
/** Stored instead of the last status. */
const NO_CHANNEL = "no channel";

export class Feed {
  #base;
  #visitor;
  #token;
  #notify;
  #events = null;
  #timer = 0;
  #retryMs = FIRST_RETRY_MS;
  #eventsAfter = 0;
  #last = "";
  #paceMs = 2_000;
  #running = false;
  #hasEvents = false;
  #openSince = 0;
  #asked = null; // the poll in flight, unless a newer status has superseded it
  #listeners = new AbortController();

  #answeredAt = Date.now();
  #unansweredSince = 0; // 0 while no answer is outstanding

  /**
   * `base`: the channel's public address, up to and with the last slash. `visitor`: the id to count, or null for none; `token`: a
   * VisitorToken to count instead, or null. `notify` is called with every new status, and with null if the channel does not exist.
   */
  constructor(base, { visitor, token }, notify) {
    this.#base = base;
    this.#visitor = visitor;
    this.#token = token;
    this.#notify = notify;
  }

  /** For how many milliseconds an answer has been outstanding; 0 if none is. */
  get silentFor() {
    return this.#unansweredSince && Date.now() - this.#unansweredSince;
  }

  /** Poll the service, because another part of the player has had no answer since `moment` (Unix ms). */
  check(moment) {
    if (this.#unansweredSince || this.#asked || Date.now() - this.#answeredAt < CHECK_EVERY_MS) return;
    this.#expectAnswer(Math.max(moment, this.#answeredAt));
    this.#pollIn(0);
  }

  start() {
    this.#running = true;
    if (this.#token || !("EventSource" in globalThis)) this.#eventsAfter = Infinity;
    const { signal } = this.#listeners;
    document.addEventListener("visibilitychange", () => this.#choose(), { signal });
    addEventListener("online", () => this.#pollNow(), { signal });
    addEventListener("offline", () => this.#expectAnswer(Date.now()), { signal });
    // An open connection would keep the page out of the back/forward cache.
    addEventListener("pagehide", () => this.#closeEvents(), { signal });
    addEventListener("pageshow", (event) => event.persisted && this.#choose(), { signal });
    this.#choose();
  }

  stop() {
    this.#running = false;
    this.#asked = null;
    this.#listeners.abort();
    clearTimeout(this.#timer);
    this.#closeEvents();
  }

  #choose() {
    if (document.hidden || Date.now() < this.#eventsAfter) {
      this.#closeEvents();
      this.#pollIn(document.hidden ? this.#paceMs : 0);
    } else if (!this.#events) {
      this.#openEvents();
    }
  }

  #openEvents() {
    const events = (this.#events = new EventSource(`${this.#base}stream_events${this.#query()}`));
    this.#hasEvents = false;
    this.#expectAnswer(Date.now());
    this.#pollIn(FIRST_EVENT_MS);
    events.addEventListener("open", () => (this.#openSince = Date.now()));
    events.addEventListener("status", ({ data }) => {
      this.#hasEvents = true;
      this.#asked = null; // its answer may be older than this event
      this.#pollIn(SILENCE_MS);
      this.#onAnswer(data);
    });
    events.addEventListener("error", () => {
      this.#hasEvents = false;
      this.#expectAnswer(Date.now());
      if (events.readyState === EventSource.CLOSED) this.#suspendEvents(); // refused: the browser does not reconnect
      this.#pollIn(FIRST_RETRY_MS * Math.random());
    });
  }

  /** Judge the open event stream after a poll. `isNew`: the poll returned a new status. Return the delay of the next poll in ms. */
  #judgeEvents(isNew) {
    if (!this.#hasEvents && Date.now() - this.#openSince < FIRST_EVENT_MS / 2) return FIRST_EVENT_MS; // it has only just connected
    if (this.#hasEvents && !isNew) return SILENCE_MS;
    if (this.#hasEvents) this.#closeEvents(); // it should have delivered this status
    else this.#suspendEvents(); // an intermediary buffers the events
    return this.#paceMs;
  }

  #suspendEvents() {
    this.#eventsAfter = Date.now() + EVENTS_AGAIN_MS;
    this.#closeEvents();
  }

  #closeEvents() {
    this.#events?.close();
    this.#events = null;
  }

  #expectAnswer(since) {
    this.#unansweredSince ||= since;
  }

  #answered() {
    this.#answeredAt = Date.now();
    this.#unansweredSince = 0;
  }

  #query() {
    return this.#visitor === null ? "" : `?visitor_id=${encodeURIComponent(this.#visitor)}`;
  }

  #onAnswer(text) {
    this.#answered();
    this.#retryMs = FIRST_RETRY_MS;
    if (text === this.#last) return;
    this.#last = text;
    const status = JSON.parse(text);
    this.#paceMs = status.poll_after_ms;
    if (status.not_counted_because === "invalid_token") this.#token?.refuse();
    this.#notify(status);
  }

  #onMissing() {
    this.#answered();
    if (this.#last === NO_CHANNEL) return;
    this.#last = NO_CHANNEL;
    this.#notify(null);
  }

  /** Schedule a poll. A poll in flight schedules the next one itself. */
  #pollIn(milliseconds) {
    if (this.#asked) return;
    clearTimeout(this.#timer);
    if (this.#running) this.#timer = setTimeout(() => this.#poll(), milliseconds);
  }

  /** Poll at once: the answer to a poll in flight may never arrive. */
  #pollNow() {
    this.#asked = null;
    this.#pollIn(0);
  }

  async #poll() {
    const asked = (this.#asked = {});
    const before = this.#last;
    let wait = this.#retryMs;
    try {
      const bearer = await this.#token?.header();
      if (this.#asked !== asked) return;
      this.#expectAnswer(Date.now());
      const answer = await fetch(`${this.#base}stream_status${bearer ? "" : this.#query()}`, {
        headers: bearer ? { Authorization: bearer } : {},
        cache: "no-store",
        credentials: "omit",
        signal: AbortSignal.timeout(POLL_TIMEOUT_MS),
      });
      const text = await answer.text();
      if (this.#asked !== asked) return;
      if (answer.ok) {
        this.#onAnswer(text);
        // EventSource may be undefined if there is no event stream: some browsers lack it.
        const isOpen = this.#events !== null && this.#events.readyState === EventSource.OPEN;
        wait = isOpen ? this.#judgeEvents(this.#last !== before) : this.#paceMs;
      } else {
        if (answer.status === 404) this.#onMissing();
        wait = 1_000 * (Number(answer.headers.get("Retry-After")) || LAST_RETRY_MS / 1_000);
      }
    } catch {
      if (this.#asked !== asked) return;
      this.#retryMs = Math.min(LAST_RETRY_MS, this.#retryMs * 2);
    }
    if (this.#asked !== asked) return; // the callback may have stopped the feed
    this.#asked = null;
    this.#pollIn(wait * (1 + Math.random() / 10));
    if (!this.#events && !document.hidden && Date.now() >= this.#eventsAfter) this.#choose();
  }
}
