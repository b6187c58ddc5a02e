/**
 * What a channel's visitors are told, as it changes.
 *
 * Server-Sent Events while the page is visible; polling, at the pace the server asks for, while it is hidden (so that tabs in the
 * background hold none of the few connections a browser allows to one host), while events cannot be had, and until they are back.
 * Both count the visitor; a hidden page's timers fire once a minute, which is well inside the two minutes a visitor counts for.
 * With a visitor's token everything is polled: an EventSource sends no headers.
 */

const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 10_000;
const POLL_TIMEOUT_MS = 10_000;
/** Without room for our event stream (429, 503) or without such a server at all: when to try again. */
const EVENTS_AGAIN_MS = 30_000;
/** An open event stream that says nothing for this long is checked by a poll: a connection can die without a word. */
const SILENCE_MS = 45_000;
/** The first event comes at once, also on a connection that the browser made anew. */
const FIRST_EVENT_MS = 5_000;
/** The least time between two polls that only check whether the service is there. */
const CHECK_EVERY_MS = 3_000;
/** In the place of the last status. */
const NO_CHANNEL = "no channel";

export class Feed {
  #base;
  #visitor;
  #token;
  #tell;
  #events = null;
  #timer = 0;
  #retryMs = FIRST_RETRY_MS;
  #eventsAfter = 0;
  #last = "";
  #paceMs = 2_000;
  #running = false;
  #heard = false;
  #openSince = 0;
  #asked = null; // the poll on the way, unless something newer has overtaken it
  #listeners = new AbortController();

  #answeredAt = Date.now();
  #unansweredSince = 0; // 0 while nothing is owed an answer

  /**
   * `base`: the channel's public address, up to and with the last slash. `visitor`: the id to count, or null for none; `token`: a
   * VisitorToken to count instead, or null. `tell` is called with every new status, and with null when there is no such channel.
   */
  constructor(base, { visitor, token }, tell) {
    this.#base = base;
    this.#visitor = visitor;
    this.#token = token;
    this.#tell = tell;
  }

  /** For how many milliseconds the service has owed an answer. */
  get silentFor() {
    return this.#unansweredSince && Date.now() - this.#unansweredSince;
  }

  /** Something else has not heard from the service since `moment` (Unix ms): check whether it still answers. */
  check(moment) {
    if (this.#unansweredSince || this.#asked || Date.now() - this.#answeredAt < CHECK_EVERY_MS) return;
    this.#owe(Math.max(moment, this.#answeredAt));
    this.#pollIn(0);
  }

  start() {
    this.#running = true;
    if (this.#token || !("EventSource" in globalThis)) this.#eventsAfter = Infinity;
    const { signal } = this.#listeners;
    document.addEventListener("visibilitychange", () => this.#follow(), { signal });
    addEventListener("online", () => this.#pollAnew(), { signal });
    addEventListener("offline", () => this.#owe(Date.now()), { signal });
    // An open connection would keep the page out of the back/forward cache.
    addEventListener("pagehide", () => this.#closeEvents(), { signal });
    addEventListener("pageshow", (event) => event.persisted && this.#follow(), { signal });
    this.#follow();
  }

  stop() {
    this.#running = false;
    this.#asked = null;
    this.#listeners.abort();
    clearTimeout(this.#timer);
    this.#closeEvents();
  }

  #follow() {
    if (document.hidden || Date.now() < this.#eventsAfter) {
      this.#closeEvents();
      this.#pollIn(document.hidden ? this.#paceMs : 0);
    } else if (!this.#events) {
      this.#openEvents();
    }
  }

  #openEvents() {
    const events = (this.#events = new EventSource(`${this.#base}stream_events${this.#query()}`));
    this.#heard = false;
    this.#owe(Date.now());
    this.#pollIn(FIRST_EVENT_MS);
    events.addEventListener("open", () => (this.#openSince = Date.now()));
    events.addEventListener("status", ({ data }) => {
      this.#heard = true;
      this.#asked = null; // what it answers may be older than this
      this.#pollIn(SILENCE_MS);
      this.#hear(data);
    });
    events.addEventListener("error", () => {
      this.#heard = false;
      this.#owe(Date.now());
      if (events.readyState === EventSource.CLOSED) this.#doWithoutEvents(); // refused: the browser does not try again
      this.#pollIn(FIRST_RETRY_MS * Math.random());
    });
  }

  /** What to think of the open event stream when a poll was answered, with news or not; when to poll again. */
  #judgeEvents(isNews) {
    if (!this.#heard && Date.now() - this.#openSince < FIRST_EVENT_MS / 2) return FIRST_EVENT_MS; // it has only just come
    if (this.#heard && !isNews) return SILENCE_MS;
    if (this.#heard) this.#closeEvents(); // it should have told us
    else this.#doWithoutEvents(); // something on the way holds events back
    return this.#paceMs;
  }

  #doWithoutEvents() {
    this.#eventsAfter = Date.now() + EVENTS_AGAIN_MS;
    this.#closeEvents();
  }

  #closeEvents() {
    this.#events?.close();
    this.#events = null;
  }

  #owe(since) {
    this.#unansweredSince ||= since;
  }

  #answered() {
    this.#answeredAt = Date.now();
    this.#unansweredSince = 0;
  }

  #query() {
    return this.#visitor === null ? "" : `?visitor_id=${encodeURIComponent(this.#visitor)}`;
  }

  #hear(text) {
    this.#answered();
    this.#retryMs = FIRST_RETRY_MS;
    if (text === this.#last) return;
    this.#last = text;
    const status = JSON.parse(text);
    this.#paceMs = status.poll_after_ms;
    if (status.not_counted_because === "invalid_token") this.#token?.refuse();
    this.#tell(status);
  }

  #miss() {
    this.#answered();
    if (this.#last === NO_CHANNEL) return;
    this.#last = NO_CHANNEL;
    this.#tell(null);
  }

  /** While one is on the way that one says when the next is. */
  #pollIn(milliseconds) {
    if (this.#asked) return;
    clearTimeout(this.#timer);
    if (this.#running) this.#timer = setTimeout(() => this.#poll(), milliseconds);
  }

  /** What is on the way may never come. */
  #pollAnew() {
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
      this.#owe(Date.now());
      const answer = await fetch(`${this.#base}stream_status${bearer ? "" : this.#query()}`, {
        headers: bearer ? { Authorization: bearer } : {},
        cache: "no-store",
        credentials: "omit",
        signal: AbortSignal.timeout(POLL_TIMEOUT_MS),
      });
      const text = await answer.text();
      if (this.#asked !== asked) return;
      if (answer.ok) {
        this.#hear(text);
        // Without an event stream nothing may name EventSource: there are browsers that have none.
        const isOpen = this.#events !== null && this.#events.readyState === EventSource.OPEN;
        wait = isOpen ? this.#judgeEvents(this.#last !== before) : this.#paceMs;
      } else {
        if (answer.status === 404) this.#miss();
        wait = 1_000 * (Number(answer.headers.get("Retry-After")) || LAST_RETRY_MS / 1_000);
      }
    } catch {
      if (this.#asked !== asked) return;
      this.#retryMs = Math.min(LAST_RETRY_MS, this.#retryMs * 2);
    }
    if (this.#asked !== asked) return; // also when whoever was told has stopped us
    this.#asked = null;
    this.#pollIn(wait * (1 + Math.random() / 10));
    if (!this.#events && !document.hidden && Date.now() >= this.#eventsAfter) this.#follow();
  }
}
