/** The WebSocket of the real-time API: one connection for all subscriptions, which resume without gaps after a reconnect. */

const PATH = "/api/v5/messagerouter/socket";
const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 15_000;
/** The service sends a position every 20 s. After this long without a message, the connection is broken. */
const SILENT_MS = 45_000;
/** Delay before a subscription is repeated that was refused for the moment (429, 5xx). */
const REFUSED_RETRY_MS = 5_000;
const OPEN = 1;

/** Why a subscription ended: the status and the body that a GET of its channel would have. */
export class SubscriptionError extends Error {
  constructor(channel, status, body) {
    super(`${channel}: ${status} ${body?.detail ?? JSON.stringify(body)}`);
    this.name = "SubscriptionError";
    this.channel = channel;
    this.status = status;
    this.body = body;
  }
}

export class Realtime {
  #baseUrl;
  #authorization;
  #WebSocket;
  #socket = null;
  #subscriptions = new Map();
  #failures = 0;
  #retry = 0;
  #silence = 0;

  /** `authorization` is a function: it is called for every subscription, so that a renewed token is used. */
  constructor({ baseUrl, authorization, WebSocket = globalThis.WebSocket }) {
    this.#baseUrl = baseUrl;
    this.#authorization = authorization;
    this.#WebSocket = WebSocket;
  }

  /** See `ConferenceClient.subscribe`. */
  subscribe(channel, handlers) {
    if (this.#subscriptions.has(channel)) throw new Error(`There is a subscription to ${channel} already.`);
    const subscription = { channel, handlers, since: handlers.since ?? null, fresh: handlers.since === undefined, live: false, timer: 0 };
    this.#subscriptions.set(channel, subscription);
    if (this.#socket?.readyState === OPEN) this.#request(subscription);
    else this.#connect();
    const close = () => this.#close(subscription);
    return {
      channel,
      close,
      get id() {
        return subscription.since;
      },
    };
  }

  /** Subscribe again with the present authorization. Changes go on without a gap. */
  renew() {
    if (this.#socket?.readyState === OPEN) for (const each of this.#subscriptions.values()) this.#request(each, each.live);
  }

  #close(subscription) {
    if (this.#subscriptions.get(subscription.channel) !== subscription) return;
    this.#forget(subscription);
    this.#send({ action: "unsubscribe", channel: subscription.channel });
    if (this.#subscriptions.size === 0) this.#disconnect();
  }

  #forget(subscription) {
    clearTimeout(subscription.timer);
    this.#subscriptions.delete(subscription.channel);
  }

  #disconnect() {
    clearTimeout(this.#retry);
    clearTimeout(this.#silence);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  #connect() {
    if (this.#socket !== null) return;
    clearTimeout(this.#retry);
    const socket = (this.#socket = new this.#WebSocket(this.#baseUrl.replace(/^http/, "ws") + PATH));
    socket.onopen = () => {
      this.#listen();
      for (const each of this.#subscriptions.values()) this.#request(each);
    };
    socket.onmessage = ({ data }) => {
      if (socket === this.#socket) this.#receive(JSON.parse(data));
    };
    socket.onclose = () => {
      if (socket === this.#socket) this.#lost();
    };
    socket.onerror = () => {}; // followed by a close event
  }

  #lost() {
    clearTimeout(this.#silence);
    this.#socket = null;
    for (const each of this.#subscriptions.values()) this.#setLive(each, false);
    if (this.#subscriptions.size === 0) return;
    const delay = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.#failures++) * (1 + Math.random());
    this.#retry = setTimeout(() => this.#connect(), delay);
  }

  /** Restart the timer that detects a broken connection. */
  #listen() {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => {
      const socket = this.#socket;
      this.#lost();
      socket?.close();
    }, SILENT_MS);
  }

  /** `isRenewal`: the service knows how far it has sent the changes; some may be on the way. */
  #request({ channel, since }, isRenewal = false) {
    const token = this.#authorization();
    const resume = since === null || isRenewal ? {} : { since };
    this.#send({ action: "subscribe", channel, ...(token ? { token } : {}), ...resume });
  }

  #send(message) {
    if (this.#socket?.readyState === OPEN) this.#socket.send(JSON.stringify(message));
  }

  #receive(message) {
    this.#listen();
    if (message.action === "position") return this.#advance(message);
    const subscription = this.#subscriptions.get(message.channel);
    if (!subscription) return;
    switch (message.action) {
      case "subscribed":
        return this.#subscribed(subscription, message.id);
      case "gone":
        subscription.since = null;
        subscription.fresh = true;
        return this.#request(subscription);
      case "refused":
        return this.#refused(subscription, message);
      case "unsubscribed":
        return message.status === undefined ? undefined : this.#ended(subscription, message);
      default:
        if (!subscription.live) return; // of an earlier subscription to this channel
        subscription.since = message.id;
        subscription.handlers.onChange?.(message);
    }
  }

  #subscribed(subscription, id) {
    this.#failures = 0;
    if (subscription.since === null || subscription.since < id) subscription.since = id;
    const { fresh } = subscription;
    subscription.fresh = false;
    this.#setLive(subscription, true);
    if (fresh) subscription.handlers.onReset?.();
  }

  #refused(subscription, { status, error }) {
    if (status !== 429 && status < 500) return this.#ended(subscription, { status, error });
    clearTimeout(subscription.timer);
    subscription.timer = setTimeout(() => this.#request(subscription), REFUSED_RETRY_MS);
  }

  #ended(subscription, { status, error }) {
    this.#forget(subscription);
    this.#setLive(subscription, false);
    subscription.handlers.onEnd?.(new SubscriptionError(subscription.channel, status, error));
    if (this.#subscriptions.size === 0) this.#disconnect();
  }

  #setLive(subscription, live) {
    if (subscription.live === live) return;
    subscription.live = live;
    subscription.handlers.onLive?.(live);
  }

  /** Everything in the organization up to `id` has been received. */
  #advance({ organization_id, id }) {
    for (const each of this.#subscriptions.values()) {
      if (each.live && each.channel.includes(`/orgs/${organization_id}/`)) each.since = Math.max(each.since, id);
    }
  }
}
