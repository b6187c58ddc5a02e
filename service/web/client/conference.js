// Made by scripts/make-client from the OpenAPI document: change that, not this.

export const OPERATIONS = {
  authenticateVisitor: ["POST", "/api/v5/public/orgs/{organization_id}/auth"],
  changeStreamSession: ["POST", "/api/pub/v1/orgs/{organization_id}/channels/{channel_id}/conference/stream_session"],
  createChannel: ["POST", "/api/pub/v1/orgs/{organization_id}/channels"],
  ensureStream: ["POST", "/api/pub/v1/orgs/{organization_id}/channels/{channel_id}/conference/create_stream"],
  getChannel: ["GET", "/api/pub/v1/orgs/{organization_id}/channels/{channel_id}"],
  getHealth: ["GET", "/healthz"],
  getMe: ["GET", "/api/v5/users/me"],
  getReadiness: ["GET", "/readyz"],
  getStream: ["GET", "/api/pub/v1/orgs/{organization_id}/channels/{channel_id}/conference/create_stream"],
  getStreamStatus: ["GET", "/api/pub/public/v1/orgs/{organization_id}/channels/{channel_id}/conference/stream_status"],
  getStreamViewerCount: ["GET", "/api/pub/public/v1/orgs/{organization_id}/channels/{channel_id}/conference/stream_viewer_count"],
  issueMeetingToken: ["POST", "/api/pub/v1/orgs/{organization_id}/channels/{channel_id}/conference/token"],
  listActiveConferences: ["GET", "/api/pub/v1/orgs/{organization_id}/users/{user_id}/active_conferences"],
  listChannels: ["GET", "/api/pub/v1/orgs/{organization_id}/channels"],
  listRecordings: ["GET", "/api/pub/v1/orgs/{organization_id}/channels/{channel_id}/conference/recorded_streams"],
  listStreamSessions: ["GET", "/api/pub/v1/orgs/{organization_id}/channels/{channel_id}/conference/stream_sessions"],
  listStreams: ["GET", "/api/pub/v1/orgs/{organization_id}/conference/streams"],
};

/** An answer that is not a success. `body` is what the service said about it. */
export class ApiError extends Error {
  constructor(operation, status, body, retryAfter) {
    super(`${operation}: ${status} ${body?.detail ?? JSON.stringify(body)}`);
    this.name = "ApiError";
    this.operation = operation;
    this.status = status;
    this.body = body;
    this.retryAfter = retryAfter;
  }
}

/** Calls operations by name. `authorization` is the whole header: "Token …" or "Bearer …". */
export class ConferenceClient {
  constructor({ baseUrl, authorization, fetch = globalThis.fetch }) {
    this.baseUrl = baseUrl.replace(/\/+$/, "");
    this.authorization = authorization;
    this.fetch = fetch.bind(globalThis);
  }

  async call(operation, { path = {}, query = {}, body, signal } = {}) {
    const [method, template] = OPERATIONS[operation];
    const url = new URL(this.baseUrl + template.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(path[name])));
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    return this.#send(operation, url, { method, body: JSON.stringify(body), signal });
  }

  /** The next page of a collection, or null after the last. */
  async next(operation, page, { signal } = {}) {
    return page.next === null ? null : this.#send(operation, page.next, { method: "GET", signal });
  }

  async #send(operation, url, request) {
    const headers = { Accept: "application/json" };
    if (this.authorization) headers.Authorization = this.authorization;
    if (request.body !== undefined) headers["Content-Type"] = "application/json";
    const response = await this.fetch(url, { ...request, headers });
    const text = await response.text();
    let answer = null;
    try {
      answer = text === "" ? null : JSON.parse(text);
    } catch {
      answer = { detail: text };
    }
    if (response.ok) return answer;
    throw new ApiError(operation, response.status, answer, Number(response.headers.get("Retry-After")) || null);
  }
}
