/** The visitor's identity: this browser's visitor id, or a token from the page. */

const VISITOR_KEY = "live-stream-visitor";
/** How long before its expiry a token is renewed. */
const RENEW_BEFORE_MS = 60_000;
/** The minimum interval between calls of the page's getToken. */
const ASK_EVERY_MS = 10_000;
/** Timeout of getToken, so that a page that does not answer cannot block the polls. */
const ASK_TIMEOUT_MS = 5_000;
/** Assumed lifetime of a token whose expiry cannot be read. */
const UNKNOWN_LIFETIME_MS = 300_000;

let inMemory = null;

/** Return this browser's visitor id, shared by all pages of the site. If storage is blocked, it lasts as long as the page. */
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
  // randomUUID is undefined on pages over plain http.
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

  /** Return the Authorization header, or an empty value while there is no token. */
  async header() {
    const now = Date.now();
    if (now >= this.#renewAt && now >= this.#askAfter) {
      this.#askAfter = now + ASK_EVERY_MS;
      await this.#renew();
    }
    return this.#token && `Bearer ${this.#token}`;
  }

  /** Renew at the next call, because the service rejected the last token. */
  refuse() {
    this.#renewAt = 0;
  }

  async #renew() {
    try {
      const given = await Promise.race([this.#give(), new Promise((_, fail) => setTimeout(fail, ASK_TIMEOUT_MS, new Error("getToken did not answer in time")))]);
      this.#token = String(given ?? "").trim().replace(/^Bearer +/i, "");
      this.#renewAt = this.#token ? renewalOf(this.#token, Date.now()) : 0;
    } catch (problem) {
      reportError(problem); // an error in the page's function; the last token may still be valid
    }
  }
}

/** Return when to renew a JSON Web Token (RFC 7519 §4.1). `iat`, if present, corrects a wrong clock in the browser. */
function renewalOf(token, now) {
  try {
    const { exp, iat } = JSON.parse(atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")));
    const expiry = Math.min(1_000 * exp, iat === undefined ? Infinity : now + 1_000 * (exp - iat));
    if (Number.isFinite(expiry)) return expiry - RENEW_BEFORE_MS;
  } catch {
    // The token is opaque.
  }
  return now + UNKNOWN_LIFETIME_MS;
}
