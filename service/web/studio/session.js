/**
 * Who is signed in: an API token, kept for this tab only.
 *
 * The token comes from the form or, once, from the page's fragment (`/studio#token=…`), which no server is sent and which is taken out
 * of the address bar at once. It lies in sessionStorage, gone with the tab, and goes out in the Authorization header alone.
 */

import { ApiError, ConferenceClient } from "../client/conference.js";
import { FieldError } from "./errors.js";

const KEY = "studio-session";
const IN_FRAGMENT = "token";
const IS_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
/** A connection can die without a word. */
const TIMEOUT_MS = 30_000;
/** Headers can carry no more than this. */
const SENDABLE = /^[\x21-\x7e]+$/;

let inMemory = null; // where nothing can be stored

/** The token in the fragment, or null. Afterwards the address has none; `to` in it is where to go. */
export function takeFromAddress() {
  const given = new URLSearchParams(location.hash.slice(1));
  const token = given.get(IN_FRAGMENT);
  if (token === null) return null;
  history.replaceState(null, "", `${location.pathname}#${given.get("to") ?? "/"}`);
  return token;
}

/** `{ token, organization, organizationName, userName }`, or null. */
export function current() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY)) ?? inMemory;
  } catch {
    return inMemory;
  }
}

export function forget() {
  inMemory = null;
  try {
    sessionStorage.removeItem(KEY);
  } catch {
    // Then there is nothing in it.
  }
}

/** From now on this is who is signed in. */
export function keep(session) {
  inMemory = session;
  try {
    sessionStorage.setItem(KEY, JSON.stringify(session));
  } catch {
    // In memory, until the page is loaded again.
  }
  return session;
}

/** Who that is, for people; organizations and users nobody has named are called by their ids, which say nothing. */
export function nameOf({ userName, organizationName }) {
  return [userName, organizationName].filter((name) => name && !IS_ID.test(name)).join(" · ");
}

/** "Token …" or, for a signed one, "Bearer …". */
export function authorization(token) {
  return `${token.split(".").length === 3 ? "Bearer" : "Token"} ${token}`;
}

/**
 * Asks the service whose token this is: the session to keep. A token of an organization alone belongs to no user, who could name the
 * organization: it has to be given then. Errors: FieldError, ApiError, TypeError (the service is out of reach), TimeoutError.
 */
export async function whoseIs(pasted, organization = "") {
  const token = pasted.trim().replace(/^(token|bearer)\s+/i, "");
  if (!SENDABLE.test(token)) throw new FieldError("token", token ? "This does not look like a token." : "Paste your API token.");
  const client = new ConferenceClient({ baseUrl: location.origin, authorization: authorization(token) });
  try {
    const me = await client.call("getMe", { signal: AbortSignal.timeout(TIMEOUT_MS) });
    return { token, organization: me.organization.id, organizationName: me.organization.name, userName: me.full_name };
  } catch (problem) {
    if (!(problem instanceof ApiError)) throw problem;
    if (problem.status === 401) throw new FieldError("token", "The service does not know this token, or it is no longer valid.");
    if (problem.status !== 403) throw problem;
  }
  if (!organization) throw new FieldError("organization", "This token belongs to no user. Say which organization it is for.");
  const [path, query, signal] = [{ organization_id: organization }, { page_size: 1 }, AbortSignal.timeout(TIMEOUT_MS)];
  await client.call("listChannels", { path, query, signal }).catch((problem) => {
    throw problem.status === 403 || problem.status === 404
      ? new FieldError("organization", "The token does not belong to this organization.")
      : problem;
  });
  return { token, organization, organizationName: "", userName: "" };
}
