/** Error messages for the user. */

import { ApiError } from "../client/conference.js";

/** An error found before the request was sent. `field` is the name of the invalid field. */
export class FieldError extends Error {
  constructor(field, message) {
    super(message);
    this.field = field;
  }
}

/** Return the messages by field, `{ name: "…" }`; empty if the problem is not about fields. */
export function byField(problem) {
  if (problem instanceof FieldError) return { [problem.field]: problem.message };
  if (problem.status === 422 && problem.body?.attributes?.length) return { [problem.body.attributes[0]]: problem.body.message };
  if (problem.status !== 400 || typeof problem.body !== "object" || problem.body === null) return {};
  const said = Object.entries(problem.body).filter(([name]) => name !== "detail");
  return Object.fromEntries(said.map(([name, messages]) => [name, [messages].flat(2).map(String).join(" ")]));
}

/** Return the message for a problem. */
export function sentence(problem) {
  if (problem instanceof TypeError || problem.name === "TimeoutError") return "The service cannot be reached. Check your connection and try again.";
  if (!(problem instanceof ApiError)) return "Something went wrong in this page. Reload it and try again.";
  const { status, retryAfter } = problem;
  if (status === 401) return problem.body?.error ? "Your token does not allow this." : "Your token is no longer valid.";
  if (status === 403) return "Your token does not allow this.";
  if (status === 404) return "Not found. It may have been deleted.";
  if (status >= 500 || status === 429) {
    const said = status === 429 ? "Too many requests." : "The service is temporarily unavailable.";
    return `${said} Try again ${retryAfter ? `in ${retryAfter} s` : "in a moment"}.`;
  }
  const { detail, error } = problem.body ?? {};
  const said = detail ?? error;
  return typeof said === "string" ? said : "The service rejected the request.";
}
