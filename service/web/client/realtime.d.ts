/** A change of a resource. `resource`: all of an added one, the changed attributes of a changed one, absent for a removed one. */
export type Change<R = Record<string, unknown>> =
  | { channel: string; action: "added"; resource_id: string; resource: R; id: number }
  | { channel: string; action: "changed"; resource_id: string; resource: Partial<R>; id: number }
  | { channel: string; action: "removed"; resource_id: string; resource?: undefined; id: number };

/** Why a subscription ended: the status and the body that a GET of its channel would have. */
export declare class SubscriptionError extends Error {
  readonly channel: string;
  readonly status: number;
  readonly body: unknown;
}

export interface SubscriptionHandlers<R = Record<string, unknown>> {
  /** Called for each change, once, in order. */
  onChange?: (change: Change<R>) => void;
  /** GET the resources now: called when the subscription begins, and when changes were missed that are no longer kept. */
  onReset?: () => void;
  /** Called when changes begin or cease to arrive. Poll while they do not. */
  onLive?: (live: boolean) => void;
  /** The subscription is over: it was refused, or the permission ended. */
  onEnd?: (reason: SubscriptionError) => void;
  /** Resume after this id, from an earlier subscription. `onReset` is then not called. */
  since?: number;
}

export interface Subscription {
  readonly channel: string;
  /** The id after which this subscription would resume; null before it began. */
  readonly id: number | null;
  close(): void;
}

export declare class Realtime {
  constructor(options: {
    baseUrl: string;
    authorization: () => string | undefined;
    WebSocket?: typeof globalThis.WebSocket;
  });
  subscribe<R = Record<string, unknown>>(channel: string, handlers: SubscriptionHandlers<R>): Subscription;
  renew(): void;
}
