/** The Pub API as this organization, and what the whole page has to know of its answers: signed out, out of reach, back. */

import { ConferenceClient } from "../client/conference.js";
import { authorization } from "./session.js";

export class Api {
  #client;
  #path;
  #tell;

  /** `tell("expired" | "away" | "back")` as the answers go. */
  constructor(session, tell) {
    this.#client = new ConferenceClient({ baseUrl: location.origin, authorization: authorization(session.token) });
    this.#path = { organization_id: session.organization };
    this.#tell = tell;
    this.organization = session.organization;
  }

  /** An operation of the organization, or of one of its channels. Errors: ApiError, TypeError when the service is out of reach. */
  async call(operation, { channel, ...request } = {}) {
    const path = channel ? { ...this.#path, channel_id: channel } : this.#path;
    try {
      const answer = await this.#client.call(operation, { path, ...request });
      this.#tell("back");
      return answer;
    } catch (problem) {
      if (problem.status === 401) this.#tell("expired");
      else if (problem instanceof TypeError) this.#tell("away");
      throw problem;
    }
  }
}

/** The cursor in a page's link, or null. Only this: the link's host may be another name of ours. */
export function cursorOf(link) {
  return link && new URL(link).searchParams.get("cursor");
}
