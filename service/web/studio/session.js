/**
 * The signed-in user: an API token, kept for this tab only.
 *
 * The token comes from the form or from the page's fragment (`/studio#token=…`). Browsers never send fragments to a server, and the
 * studio removes it from the address bar at once. The token is kept in sessionStorage until the tab closes, and is sent only in the
 * Authorization header.
 */

import { ApiError, ConferenceClient } from "../client/conference.js";
import { FieldError } from "./errors.js";

const KEY = "studio-session";
const IN_FRAGMENT = "token";
const IS_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
/** A broken connection may never report an error. */
const TIMEOUT_MS = 30_000;
/** The characters that a header value can carry. */
const SENDABLE = /^[\x21-\x7e]+$/;

let inMemory = null; // used if storage is blocked

/** Remove the token from the fragment and return it, or null. The fragment's `to` becomes the new address. */
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
    // Storage is blocked, so nothing was stored.
  }
}

/** Store the session. */
export function keep(session) {
  inMemory = session;
  try {
    sessionStorage.setItem(KEY, JSON.stringify(session));
  } catch {
    // Storage is blocked: the session lasts until the page is reloaded.
  }
  return session;
}

/** Return the user's and organization's names. Unnamed ones, whose name is their id, are left out. */
export function nameOf({ userName, organizationName }) {
  return [userName, organizationName].filter((name) => name && !IS_ID.test(name)).join(" · ");
}

/** Return whether a token is signed (JWT). The API channel takes none of these. */
export function isSigned(token) {
  return token.split(".").length === 3;
}

/** Return "Token …", or "Bearer …" for a signed token. */
export function authorization(token) {
  return `${isSigned(token) ? "Bearer" : "Token"} ${token}`;
}

/**
 * Ask the service for the token's user and return the session to store. A token without a user does not reveal its organization, so
 * the organization must be given. Throws FieldError, ApiError, TypeError (the service is unreachable) or TimeoutError.
 */
export async function whoseIs(pasted, organization = "") {
  const token = pasted.trim().replace(/^(token|bearer)\s+/i, "");
  if (!SENDABLE.test(token)) throw new FieldError("token", token ? "This is not a valid token." : "Paste your API token.");
  const client = new ConferenceClient({ baseUrl: location.origin, authorization: authorization(token) });
  try {
    const me = await client.call("getMe", { signal: AbortSignal.timeout(TIMEOUT_MS) });
    return { token, organization: me.organization.id, organizationName: me.organization.name, userName: me.full_name };
  } catch (problem) {
    if (!(problem instanceof ApiError)) throw problem;
    if (problem.status === 401) throw new FieldError("token", "The token is unknown or no longer valid.");
    if (problem.status !== 403) throw problem;
  }
  if (!organization) throw new FieldError("organization", "This token does not belong to a user. Enter the id of its organization.");
  const [path, query, signal] = [{ organization_id: organization }, { page_size: 1 }, AbortSignal.timeout(TIMEOUT_MS)];
  await client.call("listChannels", { path, query, signal }).catch((problem) => {
    throw problem.status === 403 || problem.status === 404
      ? new FieldError("organization", "The token does not belong to this organization.")
      : problem;
  });
  return { token, organization, organizationName: "", userName: "" };
}
