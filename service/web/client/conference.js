// Made by scripts/make-client from the OpenAPI document: change that, not this.
import { Realtime } from "./realtime.js";

export const OPERATIONS = {
  addMember: ["POST", "/api/pub/v1/orgs/{organization_id}/channels/{channel_id}/members"],
  authenticateVisitor: ["POST", "/api/v5/public/orgs/{organization_id}/auth"],
  changeChannel: ["PATCH", "/api/pub/v1/orgs/{organization_id}/channels/{channel_id}"],
  changeMember: ["PATCH", "/api/pub/v1/orgs/{organization_id}/channels/{channel_id}/members/{member_id}"],
  changeRecording: ["PATCH", "/api/pub/v1/orgs/{organization_id}/conference/recorded_streams/{recording_uid}"],
  changeSettings: ["PATCH", "/api/pub/v1/orgs/{organization_id}/channels/{channel_id}/members/{member_id}/notification_settings"],
  changeStreamSession: ["POST", "/api/pub/v1/orgs/{organization_id}/channels/{channel_id}/conference/stream_session"],
  changeWebhook: ["PATCH", "/api/pub/v1/orgs/{organization_id}/webhooks/{webhook_id}"],
  createChannel: ["POST", "/api/pub/v1/orgs/{organization_id}/channels"],
  createWebhook: ["POST", "/api/pub/v1/orgs/{organization_id}/webhooks"],
  deleteChannel: ["DELETE", "/api/pub/v1/orgs/{organization_id}/channels/{channel_id}"],
  deleteMessage: ["DELETE", "/api/pub/v1/orgs/{organization_id}/channels/{channel_id}/messages/{message_id}"],
  deleteRecording: ["DELETE", "/api/pub/v1/orgs/{organization_id}/conference/recorded_streams/{recording_uid}"],
  deleteWebhook: ["DELETE", "/api/pub/v1/orgs/{organization_id}/webhooks/{webhook_id}"],
  disableStream: ["POST", "/api/pub/v1/orgs/{organization_id}/channels/{channel_id}/conference/disable"],
  editMessage: ["PATCH", "/api/pub/v1/orgs/{organization_id}/channels/{channel_id}/messages/{message_id}"],
  enableStream: ["POST", "/api/pub/v1/orgs/{organization_id}/channels/{channel_id}/conference/enable"],
  ensureStream: ["POST", "/api/pub/v1/orgs/{organization_id}/channels/{channel_id}/conference/create_stream"],
  getChannel: ["GET", "/api/pub/v1/orgs/{organization_id}/channels/{channel_id}"],
  getDelivery: ["GET", "/api/pub/v1/orgs/{organization_id}/webhooks/{webhook_id}/deliveries/{delivery_id}"],
  getDirect: ["GET", "/api/pub/v1/orgs/{organization_id}/users/{user_id}/dm-channels/{channel_id}"],
  getHealth: ["GET", "/healthz"],
  getJoined: ["GET", "/api/pub/v1/orgs/{organization_id}/users/{user_id}/joined-channels/{channel_id}"],
  getMe: ["GET", "/api/v5/users/me"],
  getMember: ["GET", "/api/pub/v1/orgs/{organization_id}/channels/{channel_id}/members/{member_id}"],
  getMessage: ["GET", "/api/pub/v1/orgs/{organization_id}/channels/{channel_id}/messages/{message_id}"],
  getMessageRouter: ["GET", "/api/v5/messagerouter"],
  getReadiness: ["GET", "/readyz"],
  getRecording: ["GET", "/api/pub/v1/orgs/{organization_id}/conference/recorded_streams/{recording_uid}"],
  getSettings: ["GET", "/api/pub/v1/orgs/{organization_id}/channels/{channel_id}/members/{member_id}/notification_settings"],
  getStream: ["GET", "/api/pub/v1/orgs/{organization_id}/channels/{channel_id}/conference/create_stream"],
  getStreamHealth: ["GET", "/api/pub/v1/orgs/{organization_id}/channels/{channel_id}/conference/stream_health"],
  getStreamPlayer: ["GET", "/api/pub/public/v1/orgs/{organization_id}/channels/{channel_id}/conference/stream_player"],
  getStreamStatus: ["GET", "/api/pub/public/v1/orgs/{organization_id}/channels/{channel_id}/conference/stream_status"],
  getStreamViewerCount: ["GET", "/api/pub/public/v1/orgs/{organization_id}/channels/{channel_id}/conference/stream_viewer_count"],
  getWebhook: ["GET", "/api/pub/v1/orgs/{organization_id}/webhooks/{webhook_id}"],
  issueMeetingToken: ["POST", "/api/pub/v1/orgs/{organization_id}/channels/{channel_id}/conference/token"],
  listActiveConferences: ["GET", "/api/pub/v1/orgs/{organization_id}/users/{user_id}/active_conferences"],
  listChannels: ["GET", "/api/pub/v1/orgs/{organization_id}/channels"],
  listDeliveries: ["GET", "/api/pub/v1/orgs/{organization_id}/webhooks/{webhook_id}/deliveries"],
  listDirect: ["GET", "/api/pub/v1/orgs/{organization_id}/users/{user_id}/dm-channels"],
  listJoined: ["GET", "/api/pub/v1/orgs/{organization_id}/users/{user_id}/joined-channels"],
  listMembers: ["GET", "/api/pub/v1/orgs/{organization_id}/channels/{channel_id}/members"],
  listMessages: ["GET", "/api/pub/v1/orgs/{organization_id}/channels/{channel_id}/messages"],
  listRecordings: ["GET", "/api/pub/v1/orgs/{organization_id}/channels/{channel_id}/conference/recorded_streams"],
  listStreamSessions: ["GET", "/api/pub/v1/orgs/{organization_id}/channels/{channel_id}/conference/stream_sessions"],
  listStreams: ["GET", "/api/pub/v1/orgs/{organization_id}/conference/streams"],
  listWebhooks: ["GET", "/api/pub/v1/orgs/{organization_id}/webhooks"],
  openDirect: ["POST", "/api/pub/v1/orgs/{organization_id}/users/{user_id}/dm-channels"],
  removeMember: ["DELETE", "/api/pub/v1/orgs/{organization_id}/channels/{channel_id}/members/{member_id}"],
  replaceChannel: ["PUT", "/api/pub/v1/orgs/{organization_id}/channels/{channel_id}"],
  replaceWebhook: ["PUT", "/api/pub/v1/orgs/{organization_id}/webhooks/{webhook_id}"],
  replayWebhook: ["POST", "/api/pub/v1/orgs/{organization_id}/webhooks/{webhook_id}/replay"],
  resendDelivery: ["POST", "/api/pub/v1/orgs/{organization_id}/webhooks/{webhook_id}/deliveries/{delivery_id}/resend"],
  rotateKey: ["POST", "/api/pub/v1/orgs/{organization_id}/channels/{channel_id}/conference/rotate_key"],
  rotateWebhookSecret: ["POST", "/api/pub/v1/orgs/{organization_id}/webhooks/{webhook_id}/rotate_secret"],
  sendMessage: ["POST", "/api/pub/v1/orgs/{organization_id}/channels/{channel_id}/messages"],
  testWebhook: ["POST", "/api/pub/v1/orgs/{organization_id}/webhooks/{webhook_id}/test"],
};

export { SubscriptionError } from "./realtime.js";

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
  #realtime = null;

  constructor({ baseUrl, authorization, fetch = globalThis.fetch, WebSocket = globalThis.WebSocket }) {
    this.baseUrl = baseUrl.replace(/\/+$/, "");
    this.authorization = authorization;
    this.fetch = fetch.bind(globalThis);
    this.WebSocket = WebSocket;
  }

  /** The path of an operation: the channel of a subscription to its changes. */
  pathOf(operation, path = {}) {
    return OPERATIONS[operation][1].replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(path[name]));
  }

  /** Subscribe to the changes of a resource or a collection, and resume after every reconnect. */
  subscribe(channel, handlers) {
    const { baseUrl, WebSocket } = this;
    this.#realtime ??= new Realtime({ baseUrl, WebSocket, authorization: () => this.authorization });
    return this.#realtime.subscribe(channel, handlers);
  }

  /** Continue the subscriptions with the present authorization, before the old one expires. */
  renew() {
    this.#realtime?.renew();
  }

  async call(operation, { path = {}, query = {}, body, signal } = {}) {
    const [method] = OPERATIONS[operation];
    const url = new URL(this.baseUrl + this.pathOf(operation, path));
    for (const [name, value] of Object.entries(query)) {
      for (const each of [value].flat()) if (each !== undefined) url.searchParams.append(name, String(each));
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
