/** The Pub API as this organization, and what the whole page has to know of its answers: signed out, out of reach, back. */

import { ConferenceClient } from "../client/conference.js";
import { authorization } from "./session.js";

/** A connection can die without a word. Longer than a provider takes to answer the service. */
const TIMEOUT_MS = 30_000;
/** Without an answer for longer, what is shown may be out of date. */
const SILENT_MS = 5_000;

export class Api {
  #client;
  #path;
  #tell;

  /** `tell("expired" | "silent" | "away" | "back")` as the answers go. */
  constructor(session, tell) {
    this.#client = new ConferenceClient({ baseUrl: location.origin, authorization: authorization(session.token) });
    this.#path = { organization_id: session.organization };
    this.#tell = tell;
    this.organization = session.organization;
  }

  /** An operation of the organization, or of one of its channels. Errors: ApiError, TypeError when the service is out of reach, or says nothing. */
  async call(operation, { channel, ...request } = {}) {
    const silence = setTimeout(() => this.#tell("silent"), SILENT_MS);
    const path = channel ? { ...this.#path, channel_id: channel } : this.#path;
    try {
      const answer = await this.#client.call(operation, { path, signal: AbortSignal.timeout(TIMEOUT_MS), ...request });
      this.#tell("back");
      return answer;
    } catch (caught) {
      const problem = caught.name === "TimeoutError" ? new TypeError("no answer", { cause: caught }) : caught;
      if (problem.status === 401) this.#tell("expired");
      else if (problem instanceof TypeError) this.#tell("away");
      throw problem;
    } finally {
      clearTimeout(silence);
    }
  }
}

/** The cursor in a page's link, or null. Only this: the link's host may be another name of ours. */
export function cursorOf(link) {
  return link && new URL(link).searchParams.get("cursor");
}
