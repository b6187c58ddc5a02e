/** An organization's streams, as the service lists them to whoever has a token. */

const TIMEOUT_MS = 10_000;
/** The service gives at most this many at a time. */
const MOST_AT_ONCE = 100;
/** Requests for one reading: filtered by state, pages may be short, or empty, though there is more. */
const MOST_REQUESTS = 8;

/** Why the streams could not be read. `kind`: signin, forbidden, unknown, busy, away or broken; `retryMs`: when the service wants to be asked again. */
export class Problem extends Error {
  constructor(kind, retryMs = 0) {
    super(kind);
    this.kind = kind;
    this.retryMs = retryMs;
  }
}

const KINDS = { 401: "signin", 403: "forbidden", 404: "unknown", 429: "busy", 503: "busy" };

export class Directory {
  #address;
  #getToken;
  #token = "";

  /** `server` ends with a slash. `getToken` answers a token, or a promise of one; it is asked again when the last one is refused. */
  constructor(server, organization, getToken) {
    this.#address = `${server}api/pub/v1/orgs/${encodeURIComponent(organization)}/conference/streams`;
    this.#getToken = getToken;
  }

  /** The first `wanted` streams, newest first, and whether there are `more`. Errors: Problem; AbortError when `signal` says so. */
  async read({ wanted, search = "", state = "", signal }) {
    const streams = new Map(); // by uid
    let cursor = "";
    for (let request = 0; request < MOST_REQUESTS; request++) {
      const query = new URLSearchParams({ page_size: Math.min(MOST_AT_ONCE, wanted - streams.size) });
      for (const [name, value] of Object.entries({ search, state, cursor })) if (value) query.set(name, value);
      const page = await this.#ask(query, signal);
      for (const stream of page.results) streams.set(stream.uid, stream);
      // Only the place is taken from `next`: the token goes to no address but the one the page named.
      cursor = page.next ? new URL(page.next).searchParams.get("cursor") : "";
      if (!cursor || streams.size >= wanted) break;
    }
    return { streams: [...streams.values()], more: Boolean(cursor) };
  }

  async #ask(query, signal) {
    let answer = await this.#fetch(query, signal);
    if (answer.status === 401) {
      this.#token = "";
      answer = await this.#fetch(query, signal);
    }
    if (!answer.ok) throw new Problem(KINDS[answer.status] ?? "broken", 1_000 * Number(answer.headers.get("Retry-After")));
    return answer.json();
  }

  async #fetch(query, signal) {
    const headers = { Accept: "application/json", Authorization: await this.#authorization() };
    try {
      return await fetch(`${this.#address}?${query}`, {
        headers,
        cache: "no-store",
        credentials: "omit",
        referrerPolicy: "no-referrer",
        signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
      });
    } catch (problem) {
      if (signal.aborted) throw problem;
      throw new Problem("away");
    }
  }

  /** `Token …` for an API token; what names its kind itself, as `Bearer …` does, goes as it is. */
  async #authorization() {
    try {
      this.#token ||= String((await this.#getToken()) ?? "").trim();
    } catch (problem) {
      reportError(problem); // the page's own
    }
    if (!this.#token) throw new Problem("signin");
    return this.#token.includes(" ") ? this.#token : `Token ${this.#token}`;
  }
}
