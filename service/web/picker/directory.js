/** Reads an organization's streams from the service. */

import { Realtime } from "../client/realtime.js";

const TIMEOUT_MS = 10_000;
/** The service's maximum page size. */
const MOST_AT_ONCE = 100;
/** Requests per read. With a state filter, pages may be short or empty although more follow. */
const MOST_REQUESTS = 8;

/** The reason why the streams could not be read. `kind`: signin, expired, forbidden, unknown, busy, unavailable or broken; `retryMs`: the delay that the service asked for. */
export class Problem extends Error {
  constructor(kind, retryMs = 0) {
    super(kind);
    this.kind = kind;
    this.retryMs = retryMs;
  }
}

const KINDS = { 401: "expired", 403: "forbidden", 404: "unknown", 429: "busy", 503: "busy" };

export class Directory {
  #server;
  #address;
  #getToken;
  #token = "";

  /** `server` ends with a slash. `getToken` returns a token or a promise of one; it is called again when the last one is rejected. */
  constructor(server, organization, getToken) {
    this.#server = server.replace(/\/$/, "");
    this.#address = `${server}api/pub/v1/orgs/${encodeURIComponent(organization)}/conference/streams`;
    this.#getToken = getToken;
  }

  /** Subscribe to changes of the streams, once they have been read. `handlers`: see `Realtime.subscribe`. */
  follow(handlers) {
    const realtime = new Realtime({ baseUrl: this.#server, authorization: () => withScheme(this.#token) });
    return realtime.subscribe(new URL(this.#address).pathname.slice(new URL(`${this.#server}/`).pathname.length - 1), handlers);
  }

  /** Return the first `wanted` streams, newest first, and whether there are `more`. Throws Problem, or AbortError if `signal` is aborted. */
  async read({ wanted, search = "", state = "", signal }) {
    const streams = new Map(); // by uid
    let cursor = "";
    for (let request = 0; request < MOST_REQUESTS; request++) {
      const query = new URLSearchParams({ page_size: Math.min(MOST_AT_ONCE, wanted - streams.size) });
      for (const [name, value] of Object.entries({ search, state, cursor })) if (value) query.set(name, value);
      const page = await this.#ask(query, signal);
      for (const stream of page.results) streams.set(stream.uid, stream);
      // Only the cursor of `next` is used: the token must not be sent to an address that the page did not name.
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
      throw new Problem("unavailable");
    }
  }

  /** Return `Token …` for an API token. A value with its own scheme, such as `Bearer …`, is sent unchanged. */
  async #authorization() {
    try {
      this.#token ||= String((await this.#getToken()) ?? "").trim();
    } catch (problem) {
      reportError(problem); // an error in the page's function
    }
    if (!this.#token) throw new Problem("signin");
    return withScheme(this.#token);
  }
}

function withScheme(token) {
  return token.includes(" ") ? token : `Token ${token}`;
}
