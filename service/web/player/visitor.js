/** Who is counted: this browser's own visitor id, or the bearer of a token that the page gives. */

const VISITOR_KEY = "live-stream-visitor";
/** How long before it expires a token is replaced. */
const RENEW_BEFORE_MS = 60_000;
/** A page is not asked for a token more often than this, whatever its last one was worth. */
const ASK_EVERY_MS = 10_000;
/** A page that does not answer must not hold up the polls. */
const ASK_TIMEOUT_MS = 5_000;
/** Of a token whose expiry cannot be read. */
const UNKNOWN_LIFETIME_MS = 300_000;

let inMemory = null;

/** This browser's visitor id, the same on every page of the site; for this page only where nothing can be stored. */
export function visitorId() {
  try {
    let id = localStorage.getItem(VISITOR_KEY);
    if (!id) localStorage.setItem(VISITOR_KEY, (id = newId()));
    return id;
  } catch {
    return (inMemory ??= newId());
  }
}

function newId() {
  // Not randomUUID: pages over plain http lack it.
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** A visitor's Bearer token, renewed before it expires. */
export class VisitorToken {
  #give;
  #token = "";
  #renewAt = 0;
  #askAfter = 0;

  /** `give`: a function that returns a token, or a promise of one, with or without "Bearer " in front. */
  constructor(give) {
    this.#give = give;
  }

  /** The Authorization header to send now, or null while there is no token. */
  async header() {
    const now = Date.now();
    if (now >= this.#renewAt && now >= this.#askAfter) {
      this.#askAfter = now + ASK_EVERY_MS;
      await this.#renew();
    }
    return this.#token && `Bearer ${this.#token}`;
  }

  /** The service did not accept the token that was sent last. */
  refuse() {
    this.#renewAt = 0;
  }

  async #renew() {
    try {
      const given = await Promise.race([this.#give(), new Promise((_, fail) => setTimeout(fail, ASK_TIMEOUT_MS, new Error("getToken did not answer in time")))]);
      this.#token = String(given ?? "").trim().replace(/^Bearer +/i, "");
      this.#renewAt = this.#token ? renewalOf(this.#token, Date.now()) : 0;
    } catch (problem) {
      reportError(problem); // the page's own; the last token may still be good
    }
  }
}

/** When to replace a JSON Web Token (RFC 7519 §4.1), by this browser's clock, which may be wrong: `iat` helps where there is one. */
function renewalOf(token, now) {
  try {
    const { exp, iat } = JSON.parse(atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")));
    const expiry = Math.min(1_000 * exp, iat === undefined ? Infinity : now + 1_000 * (exp - iat));
    if (Number.isFinite(expiry)) return expiry - RENEW_BEFORE_MS;
  } catch {
    // It is opaque.
  }
  return now + UNKNOWN_LIFETIME_MS;
}
