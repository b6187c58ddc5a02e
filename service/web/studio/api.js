/** The Pub API of the signed-in organization. It reports expired sessions and lost or restored connections to the page. */

import { ApiError, ConferenceClient } from "../client/conference.js";
import { authorization, isSigned } from "./session.js";

/** A broken connection may never report an error. Longer than a provider takes to answer the service. */
const TIMEOUT_MS = 30_000;
/** After this long without an answer, the page is marked as possibly out of date. */
const SILENT_MS = 5_000;

export class Api {
  #client;
  #path;
  #notify;
  #token;
  #account = null;

  /** `notify("expired" | "silent" | "unavailable" | "back")` is called as answers arrive or fail. */
  constructor(session, notify) {
    this.#client = new ConferenceClient({ baseUrl: location.origin, authorization: authorization(session.token) });
    this.#path = { organization_id: session.organization };
    this.#notify = notify;
    this.#token = session.token;
    this.organization = session.organization;
    /** Whether the API channel takes the session's token, so that `account` and `desk` can be used. */
    this.hasDesk = !isSigned(session.token);
  }

  /** Call an operation of the organization, or of one channel, webhook or delivery. Throws ApiError, or TypeError if the service is unreachable or does not answer in time. */
  async call(operation, { channel, webhook, delivery, ...request } = {}) {
    const path = { ...this.#path, channel_id: channel, webhook_id: webhook, delivery_id: delivery };
    return this.#watched(() => this.#client.call(operation, { path, signal: AbortSignal.timeout(TIMEOUT_MS), ...request }));
  }

  /** Return the profile in the API channel: its `account_id` and its `role`. */
  async account() {
    const profile = await this.#watched(() => this.#request("GET", "/api/v1/profile"));
    this.#account = profile.account_id;
    return profile;
  }

  /** Call the API channel, below the account. Errors as in `call`; `byField` reads those of fields. */
  async desk(method, path, body) {
    const account = this.#account ?? (await this.account()).account_id;
    return this.#watched(() => this.#request(method, `/api/v1/accounts/${account}/${path}`, body));
  }

  async #request(method, path, body) {
    const headers = { "api-access-token": this.#token, ...(body && { "Content-Type": "application/json" }) };
    const answer = await fetch(path, { method, headers, body: body && JSON.stringify(body), signal: AbortSignal.timeout(TIMEOUT_MS) });
    const text = await answer.text();
    if (answer.ok) return JSON.parse(text);
    const retryAfter = Number(answer.headers.get("Retry-After")) || null;
    throw new ApiError(`${method} ${path}`, answer.status, parsed(text), retryAfter);
  }

  async #watched(work) {
    const silence = setTimeout(() => this.#notify("silent"), SILENT_MS);
    try {
      const answer = await work();
      this.#notify("back");
      return answer;
    } catch (caught) {
      const problem = caught.name === "TimeoutError" ? new TypeError("no answer", { cause: caught }) : caught;
      if (problem.status === 401 && !problem.body?.error) this.#notify("expired"); // `error`: the API channel does not permit it, or the token has expired: `call` reports that
      else if (problem instanceof TypeError) this.#notify("unavailable");
      throw problem;
    } finally {
      clearTimeout(silence);
    }
  }

  /** Return a function that subscribes to the changes of a collection or resource, until `signal` is aborted (see `poll`). */
  follow(operation, signal, channel) {
    const path = channel ? { ...this.#path, channel_id: channel } : this.#path;
    return (handlers) => {
      const subscription = this.#client.subscribe(this.#client.pathOf(operation, path), handlers);
      signal.addEventListener("abort", () => subscription.close());
    };
  }
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Return the host of an address, or the address itself if it is not a URL. */
export function hostOf(address) {
  return URL.canParse(address) ? new URL(address).host : address;
}

/** Return the cursor in a page's link, or null. The rest is ignored: the link's host may differ from the page's. */
export function cursorOf(link) {
  return link && new URL(link).searchParams.get("cursor");
}
