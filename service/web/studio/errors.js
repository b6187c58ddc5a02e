/** What goes wrong, in words for people. */

import { ApiError } from "../client/conference.js";

/** Found before the service was asked. `field` is the name of what has to be mended. */
export class FieldError extends Error {
  constructor(field, message) {
    super(message);
    this.field = field;
  }
}

/** What is wrong by field, `{ name: "…" }`, where it is about fields. */
export function byField(problem) {
  if (problem instanceof FieldError) return { [problem.field]: problem.message };
  if (problem.status !== 400 || typeof problem.body !== "object" || problem.body === null) return {};
  const said = Object.entries(problem.body).filter(([name]) => name !== "detail");
  return Object.fromEntries(said.map(([name, messages]) => [name, [messages].flat(2).map(String).join(" ")]));
}

/** A problem in a sentence. */
export function sentence(problem) {
  if (problem instanceof TypeError || problem.name === "TimeoutError") return "The service cannot be reached. Check your connection and try again.";
  if (!(problem instanceof ApiError)) return "Something went wrong in this page. Reload it and try again.";
  const { status, retryAfter } = problem;
  if (status === 401) return "Your token is no longer valid.";
  if (status === 403) return "Your token does not allow this.";
  if (status === 404) return "This is not there (any more).";
  if (status >= 500 || status === 429) {
    const said = status === 429 ? "Too much at once." : "The service cannot do this at the moment.";
    return `${said} Try again ${retryAfter ? `in ${retryAfter} s` : "in a moment"}.`;
  }
  const { detail } = problem.body ?? {};
  return typeof detail === "string" ? detail : "The service did not take this.";
}
