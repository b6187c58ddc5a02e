// Made by scripts/make-client from the OpenAPI document: change that, not this.
import type { Subscription, SubscriptionHandlers } from "./realtime.js";
export { SubscriptionError } from "./realtime.js";
export type { Change, Subscription, SubscriptionHandlers } from "./realtime.js";

/** Action on the session. */
export type Action = "start" | "stop";

/** A channel with an active meeting. */
export type ActiveConferenceAnswer = { channel_id: string; participant_count: number; joined: boolean };

export type ActiveConferencePage = { next: string | null; previous: string | null; results: ActiveConferenceAnswer[] };

export type Alive = { status: "ok" };

/** Audio of the stream. Unknown fields are null. */
export type AudioAnswer = { codec: string; profile: string | null; sample_rate: number | null; channels: number | null; bitrate_kbps: number | null };

export type Avatar = { id: string | null; url: string };

/** A channel of the Pub API. */
export type ChannelAnswer = { id: string; organization_id: string; name: string; description: string; avatar_url: string | null; created_at: string; updated_at: string; is_direct_message: boolean; latest_message: MessageAnswer | null; latest_message_created_at: string; member_count: number; is_private: boolean; is_default_channel: boolean; is_village: boolean; is_active: boolean; type: ChannelType };

/** The fields of a new channel. Unknown fields are ignored. */
export type ChannelBody = { name: string; description?: string; avatar_url?: string | null; is_private?: boolean; is_village?: boolean; members?: string[]; type?: 2 | 3 | 4 | 5 };

/** The fields to change. Fields that are not sent keep their values. Members are changed through their own endpoints. */
export type ChannelChanges = { name?: string; description?: string; avatar_url?: string | null; is_private?: boolean; is_village?: boolean; is_default_channel?: boolean };

export type ChannelPage = { next: string | null; previous: string | null; results: ChannelAnswer[] };

/** The new values of the channel. Fields that are not sent are reset to their defaults. */
export type ChannelReplacement = { name: string; description?: string; avatar_url?: string | null; is_private?: boolean; is_village?: boolean };

/** Numbers as in the Pub API. */
export type ChannelType = 1 | 2 | 3 | 4 | 5;

/** A piece of a message: text, link, file, image, video, audio, voice, mention, external, or any other type. */
export type Chunk = { type: string; [name: string]: unknown };

/** Content of a message. Only `version` is required; unknown fields are kept. */
export type Content = { version: number; chunks?: Chunk[]; [name: string]: unknown };

/** One attempt to deliver an event. */
export type DeliveryAnswer = { id: string; webhook_id: string; event_id: number | null; status: DeliveryStatus; retry_index: number; is_requested: boolean; created_at: string; next_attempt_at: string | null; started_at: string | null; duration: number | null; response_status: number | null; response_body: string; error: string | null };

export type DeliveryPage = { next: string | null; previous: string | null; results: DeliveryAnswer[] };

/** PENDING: not attempted yet. STARTED: the request is under way. */
export type DeliveryStatus = "pending" | "started" | "successful" | "failed";

/** An error in one sentence. */
export type Detail = { detail: string };

/** The users of the direct channel. The authenticated user is always included; order and repetition do not matter. */
export type DirectBody = { members: string[] };

/** The reason why a webhook is disabled. */
export type Disabled = "client" | "failing" | "gone" | "owner_removed";

/** Server-Sent Events; the data of each is a StreamStatus. */
export type EventStream = string;

/** A problem of the incoming stream, with advice. */
export type FindingAnswer = { code: string; severity: Severity; message: string; advice: string };

/** Averages per second over the two seconds before. */
export type HistoryPoint = { at: string; video_kbps: number; audio_kbps: number; fps: number; viewer_count: number | null };

/** The user to add to the channel. */
export type JoinBody = { member_id: string };

/** A channel with the member's unread counts and notification settings. */
export type JoinedAnswer = { id: string; organization_id: string; name: string; description: string; avatar_url: string | null; created_at: string; updated_at: string; is_direct_message: boolean; latest_message: MessageAnswer | null; latest_message_created_at: string; member_count: number; is_private: boolean; is_default_channel: boolean; is_village: boolean; is_active: boolean; type: ChannelType; unread_message_count: number; unread_mention_count: number; member_notification_settings: SettingsAnswer };

export type JoinedPage = { next: string | null; previous: string | null; results: JoinedAnswer[] };

/** How the stream is cut: segments of about 2 s, one per keyframe, or LL-HLS parts. */
export type LatencyMode = "standard" | "reduced" | "low";

/** A session and its audience. */
export type ListedSessionAnswer = { id: string; started_at: string; stopped_at: string | null; peak_viewers: number; unique_viewers: number };

export type ListedSessionPage = { next: string | null; previous: string | null; results: ListedSessionAnswer[] };

/** A live input in the organization's list, without its stream key. */
export type ListedStreamAnswer = { channel: string; channel_name: string; created: string; uid: string; rtmps_url: string; view_url: string; thumbnail: string; state: Phase; viewer_count: number };

export type ListedStreamPage = { next: string | null; previous: string | null; results: ListedStreamAnswer[] };

/** The authenticated user, in the shape of the Pub API. Presence, chats and legacy ids are not supported. */
export type Me = { id: string; email: string | null; organization_id: string; organization: OrganizationName; first_name: string; last_name: string; full_name: string; is_manager: boolean | null; is_staff: boolean; alias: string | null; gender: string | null; birthday: string | null; phone: string | null; title: string | null; created_at: string; updated_at: string; deleted_at: string | null; avatar_id: string | null; avatar: Avatar | null; is_online_enabled: boolean; is_online: boolean; is_present: boolean; current_chat_count: number; is_deleted: boolean; is_bot: boolean; is_created_by_sso: boolean; is_email_confirmed: boolean; legacy_id: string | null; legacy_integer_id: number | null; organization_legacy_id: string | null };

export type MeetingBody = { group?: string | null; user?: MeetingUser };

/** A JWT for Jitsi's token authentication; its `room` is the channel's id. */
export type MeetingTokenAnswer = { token_type: "bearer"; access_token: string; expires_in: number };

/** The participant. `id` and `email` are used only with organization tokens. */
export type MeetingUser = { id?: string | null; name?: string | null; email?: string | null; avatar?: string | null };

/** A member. `channel` and `channel_id` are the same. */
export type MemberAnswer = { id: string; channel: string; channel_id: string; member_id: string; organization_id: string; created_at: string; updated_at: string; last_seen_at: string | null; unread_message_count: number; unread_mention_count: number; is_admin: boolean; member: PersonAnswer };

/** The fields to change. Unknown fields are ignored. */
export type MemberBody = { last_seen_at?: string | null; is_admin?: boolean };

export type MemberPage = { next: string | null; previous: string | null; results: MemberAnswer[] };

/** A message. `sender_id` is null for reports and system messages. */
export type MessageAnswer = { id: string; channel_id: string; organization_id: string; sender_id: string | null; sender: PersonAnswer | null; type: MessageType; created_at: string; updated_at: string; is_edited: boolean; body: { [name: string]: unknown } };

/** A message to send. `notify_teams` and unknown fields are ignored. */
export type MessageBody = { body: Content; id?: string | null; type?: "user" | "call_request" | "call_leave" | "reporting" | "system_message"; notify_users?: string[]; notify_channel?: boolean };

/** The new body. Unknown fields are ignored. */
export type MessageEdit = { body: Content };

export type MessagePage = { next: string | null; previous: string | null; results: MessageAnswer[] };

/** Where to connect, and with which token. */
export type MessageRouterAnswer = { url: string; permission_token: string; expires_at: string; expires_in: number };

/** Names as in the Pub API. */
export type MessageType = "user" | "call_request" | "call_leave" | "reporting" | "system_message" | "deleted";

export type Meta = { name: string };

/** The range of ids of events that were purged from the log before they could be delivered. */
export type MissedAnswer = { first: number; last: number };

/** When a member is notified: never, when mentioned, of every message. */
export type NotifyMode = "muted" | "mentions" | "unmuted";

export type OrganizationName = { id: string; name: string };

/** A user of the organization. Presence is not tracked: `is_online` and `is_present` are always false. */
export type PersonAnswer = { id: string; full_name: string; organization_id: string; avatar_url: string | null; is_bot: boolean; is_online: boolean; is_present: boolean; is_deleted: boolean };

/** The phase of a live input, as `stream_status` returns it. */
export type Phase = "offline" | "connecting" | "starting" | "live" | "reconnecting" | "ended";

export type PlaybackAnswer = { hls: string; dash: string };

/** A 400: messages by field (nested like the body), or one sentence when the body could not be read. */
export type Problem = { detail?: string | string[] | null; non_field_errors?: string[] | null; [name: string]: unknown };

/** The latest recording. */
export type PublicRecording = { uid: string; created: string; duration: number; hls: string; dash: string; thumbnail: string };

/** `checks` maps each part of the service to `ok` or to its error. */
export type Ready = { status: "ready" | "draining" | "unready"; checks: { [name: string]: unknown } };

/** A finished broadcast, in the shape the Pub API shares with Cloudflare's videos. */
export type RecordingAnswer = { uid: string; thumbnail: string; created: string; modified: string; size: number; duration: number; input: Size; playback: PlaybackAnswer; meta: Meta; description: string; thumbnail_time: number | null; is_pinned: boolean; stream_session_id: string | null };

/** The fields to change. Fields that are not sent keep their values. */
export type RecordingChanges = { name?: string | null; description?: string; thumbnail_time?: number | null; is_pinned?: boolean };

export type RecordingPage = { next: string | null; previous: string | null; results: RecordingAnswer[] };

/** What becomes of a live input's recording. */
export type RecordingState = "on" | "stopped_disk_full" | "refused_disk_full";

/** The place in the log from which events are delivered again. */
export type ReplayBody = { since: number };

/** Options of a key rotation. */
export type RotationBody = { overlap?: number };

/** A webhook with its secret, which is returned only now. */
export type SecretWebhookAnswer = { id: string; organization_id: string; user_id: string | null; audience: "organization" | "user"; endpoint_url: string; channel_subscriptions: SubscriptionAnswer[]; is_enabled: boolean; disabled_because: Disabled | null; created_at: string; updated_at: string; last_event_id: number; retry_index: number; next_attempt_at: string | null; missed_events: MissedAnswer | null; secret: string };

/** The current session. */
export type SessionAnswer = { stream_session_id: string | null };

export type SessionBody = { action: Action };

/** The settings of one member. `channel` and `channel_id` are the same. */
export type SettingsAnswer = { id: string; channel: string; channel_id: string; user_id: string; organization_id: string; created_at: string; updated_at: string; mode: NotifyMode };

/** `mode` takes precedence when both are sent. */
export type SettingsBody = { mode?: NotifyMode | null; muted?: boolean | "muted" | "mentions" | "unmuted" | null };

/** Whom it affects: hardly any viewer, some of them or at times, all of them. */
export type Severity = "info" | "warning" | "error";

export type Size = { width: number; height: number };

/** A live input, with its secret stream key. */
export type StreamAnswer = { rtmps_url: string; rtmp_url: string | null; view_url: string; stream_key: string; stream_uid: string; slate_image_url: string | null; reconnect_timeout: number; latency_mode: LatencyMode; enabled: boolean; recording: RecordingState | null };

/** Options of a live input. Options that are not sent keep their values. Defaults: no slate, 60 seconds, `standard`. */
export type StreamBody = { slate_image_url?: string | null; reconnect_timeout?: number | null; latency_mode?: LatencyMode | null };

/** Health of the incoming stream. */
export type StreamHealthAnswer = { measured: boolean; connected: boolean; measured_at: string | null; encoder: string | null; video: VideoAnswer | null; audio: AudioAnswer | null; findings: FindingAnswer[]; history: HistoryPoint[] };

/** Playback URLs of a channel. */
export type StreamPlayer = { name: string; view_url: string; dash_url: string; thumbnail: string; slate_image_url: string | null; recording: PublicRecording | null };

/** State of a channel's stream. The first three fields are the Pub API's; the others are extensions. */
export type StreamStatus = { is_connected: boolean; is_watchable: boolean; seconds_until_watchable: number; state: Phase; reason: string | null; poll_after_ms: number; viewer_count: number; tracks: "audio+video" | "video" | "audio" | null; recording: RecordingState | null; as_of?: string | null; viewer_count_as_of?: string | null; degraded?: true | null; counted?: boolean | null; not_counted_because?: "invalid_token" | "empty_visitor_id" | "not_watchable" | "not_counted_here" | null };

/** Number of viewers of a channel's stream. */
export type StreamViewerCount = { viewer_count: number; as_of?: string | null; counted?: false | null; not_counted_because?: "invalid_token" | "empty_visitor_id" | "not_watchable" | "not_counted_here" | null };

export type SubscriptionAnswer = { channel_pattern: string; is_additions_subscribed: boolean; is_changes_subscribed: boolean; is_removals_subscribed: boolean };

/** The events that are delivered. The defaults subscribe to all changes of the paths. */
export type SubscriptionBody = { channel_pattern: string; is_additions_subscribed?: boolean; is_changes_subscribed?: boolean; is_removals_subscribed?: boolean };

/** Video of the stream. Unknown fields are null. */
export type VideoAnswer = { codec: string; profile: string | null; level: string | null; width: number | null; height: number | null; fps: number | null; bitrate_kbps: number | null; keyframe_interval_seconds: number | null; b_frames: boolean | null };

/** A visitor's identity. Keep the secret private: it identifies the visitor. */
export type VisitorAnswer = { visitor_id: string; visitor_secret_id: string; organization_id: string; socket_url: string; access_token: string; expires_at: string; expires_in: number; minimal_bar_version: number };

/** A returning visitor sends its secret; a new visitor sends none, or null. */
export type VisitorBody = { visitor_secret_id?: string | null };

/** A webhook, without its secret. */
export type WebhookAnswer = { id: string; organization_id: string; user_id: string | null; audience: "organization" | "user"; endpoint_url: string; channel_subscriptions: SubscriptionAnswer[]; is_enabled: boolean; disabled_because: Disabled | null; created_at: string; updated_at: string; last_event_id: number; retry_index: number; next_attempt_at: string | null; missed_events: MissedAnswer | null };

/** The fields of a new webhook. Unknown fields are ignored. */
export type WebhookBody = { endpoint_url: string; channel_subscriptions: SubscriptionBody[]; is_enabled?: boolean; audience?: "organization" | "user" };

/** The fields to change. Fields that are not sent keep their values. */
export type WebhookChanges = { endpoint_url?: string; channel_subscriptions?: SubscriptionBody[]; is_enabled?: boolean };

export type WebhookPage = { next: string | null; previous: string | null; results: WebhookAnswer[] };

/** The new values of the webhook. Fields that are not sent are reset to their defaults. */
export type WebhookReplacement = { endpoint_url: string; channel_subscriptions: SubscriptionBody[]; is_enabled?: boolean };

export interface Operations {
  /** Add a member to a public channel */
  addMember: { path: { organization_id: string; channel_id: string; }; body: JoinBody; answer: MemberAnswer };
  /** Identify a visitor */
  authenticateVisitor: { path: { organization_id: string; }; body?: VisitorBody; answer: VisitorAnswer };
  /** Change a channel */
  changeChannel: { path: { organization_id: string; channel_id: string; }; body?: ChannelChanges; answer: ChannelAnswer };
  /** Update a member */
  changeMember: { path: { organization_id: string; channel_id: string; member_id: string; }; body?: MemberBody; answer: MemberAnswer };
  /** Change a recording */
  changeRecording: { path: { organization_id: string; recording_uid: string; }; body?: RecordingChanges; answer: RecordingAnswer };
  /** Change notification settings */
  changeSettings: { path: { organization_id: string; channel_id: string; member_id: string; }; body?: SettingsBody; answer: SettingsAnswer };
  /** Start or stop the channel's stream session */
  changeStreamSession: { path: { organization_id: string; channel_id: string; }; body: SessionBody; answer: SessionAnswer };
  /** Change a webhook */
  changeWebhook: { path: { organization_id: string; webhook_id: string; }; body?: WebhookChanges; answer: WebhookAnswer };
  /** Create a channel */
  createChannel: { path: { organization_id: string; }; body: ChannelBody; answer: ChannelAnswer };
  /** Create a webhook */
  createWebhook: { path: { organization_id: string; }; body: WebhookBody; answer: SecretWebhookAnswer };
  /** Delete a channel */
  deleteChannel: { path: { organization_id: string; channel_id: string; }; answer: null };
  /** Delete a message */
  deleteMessage: { path: { organization_id: string; channel_id: string; message_id: string; }; answer: null };
  /** Delete a recording */
  deleteRecording: { path: { organization_id: string; recording_uid: string; }; answer: null };
  /** Delete a webhook */
  deleteWebhook: { path: { organization_id: string; webhook_id: string; }; answer: null };
  /** Disable the live input */
  disableStream: { path: { organization_id: string; channel_id: string; }; answer: StreamAnswer };
  /** Edit a message */
  editMessage: { path: { organization_id: string; channel_id: string; message_id: string; }; body: MessageEdit; answer: MessageAnswer };
  /** Enable the live input */
  enableStream: { path: { organization_id: string; channel_id: string; }; answer: StreamAnswer };
  /** Ensure that the channel has a live input */
  ensureStream: { path: { organization_id: string; channel_id: string; }; body?: StreamBody; answer: StreamAnswer };
  /** Retrieve a channel */
  getChannel: { path: { organization_id: string; channel_id: string; }; answer: ChannelAnswer };
  /** Retrieve a delivery */
  getDelivery: { path: { organization_id: string; webhook_id: string; delivery_id: string; }; answer: DeliveryAnswer };
  /** Retrieve a direct channel */
  getDirect: { path: { organization_id: string; user_id: string; channel_id: string; }; answer: ChannelAnswer };
  /** Check liveness */
  getHealth: { answer: Alive };
  /** Retrieve a joined channel */
  getJoined: { path: { organization_id: string; user_id: string; channel_id: string; }; answer: JoinedAnswer };
  /** Retrieve the authenticated user */
  getMe: { answer: Me };
  /** Retrieve a member */
  getMember: { path: { organization_id: string; channel_id: string; member_id: string; }; answer: MemberAnswer };
  /** Retrieve a message */
  getMessage: { path: { organization_id: string; channel_id: string; message_id: string; }; answer: MessageAnswer };
  /** Address and token of the real-time API */
  getMessageRouter: { answer: MessageRouterAnswer };
  /** Check readiness */
  getReadiness: { answer: Ready };
  /** Retrieve a recording */
  getRecording: { path: { organization_id: string; recording_uid: string; }; answer: RecordingAnswer };
  /** Retrieve notification settings */
  getSettings: { path: { organization_id: string; channel_id: string; member_id: string; }; answer: SettingsAnswer };
  /** Retrieve the channel's live input */
  getStream: { path: { organization_id: string; channel_id: string; }; answer: StreamAnswer };
  /** Health of the channel's incoming stream */
  getStreamHealth: { path: { organization_id: string; channel_id: string; }; answer: StreamHealthAnswer };
  /** Playback URLs of a channel's stream and its latest recording */
  getStreamPlayer: { path: { organization_id: string; channel_id: string; }; answer: StreamPlayer };
  /** State of a channel's stream */
  getStreamStatus: { path: { organization_id: string; channel_id: string; }; query?: { visitor_id?: string; }; answer: StreamStatus };
  /** Viewers of a channel's stream */
  getStreamViewerCount: { path: { organization_id: string; channel_id: string; }; answer: StreamViewerCount };
  /** Retrieve a webhook */
  getWebhook: { path: { organization_id: string; webhook_id: string; }; answer: WebhookAnswer };
  /** Create a token to join the channel's meeting */
  issueMeetingToken: { path: { organization_id: string; channel_id: string; }; body?: MeetingBody; answer: MeetingTokenAnswer };
  /** Active meetings of the organization */
  listActiveConferences: { path: { organization_id: string; user_id: string; }; query?: { cursor?: string; page_size?: number; }; answer: ActiveConferencePage };
  /** Channels of the organization */
  listChannels: { path: { organization_id: string; }; query?: { cursor?: string; page_size?: number; search?: string; ordering?: string; }; answer: ChannelPage };
  /** Deliveries of a webhook */
  listDeliveries: { path: { organization_id: string; webhook_id: string; }; query?: { cursor?: string; page_size?: number; status?: DeliveryStatus; }; answer: DeliveryPage };
  /** Direct channels of the user */
  listDirect: { path: { organization_id: string; user_id: string; }; query?: { cursor?: string; page_size?: number; ordering?: string; }; answer: ChannelPage };
  /** Channels that the user has joined */
  listJoined: { path: { organization_id: string; user_id: string; }; query?: { cursor?: string; page_size?: number; ordering?: string; is_active?: boolean | string; }; answer: JoinedPage };
  /** Members of the channel */
  listMembers: { path: { organization_id: string; channel_id: string; }; query?: { cursor?: string; page_size?: number; ordering?: string; }; answer: MemberPage };
  /** Messages of the channel */
  listMessages: { path: { organization_id: string; channel_id: string; }; query?: { cursor?: string; page_size?: number; ordering?: string; }; answer: MessagePage };
  /** Recordings of the channel, newest first */
  listRecordings: { path: { organization_id: string; channel_id: string; }; query?: { cursor?: string; page_size?: number; }; answer: RecordingPage };
  /** Stream sessions of the channel, newest first */
  listStreamSessions: { path: { organization_id: string; channel_id: string; }; query?: { cursor?: string; page_size?: number; }; answer: ListedSessionPage };
  /** Live inputs of the organization, newest first */
  listStreams: { path: { organization_id: string; }; query?: { cursor?: string; page_size?: number; search?: string; state?: "offline" | "connecting" | "starting" | "live" | "reconnecting" | "ended" | "" | ("offline" | "connecting" | "starting" | "live" | "reconnecting" | "ended" | "")[]; }; answer: ListedStreamPage };
  /** Webhooks */
  listWebhooks: { path: { organization_id: string; }; query?: { cursor?: string; page_size?: number; }; answer: WebhookPage };
  /** Open a direct channel */
  openDirect: { path: { organization_id: string; user_id: string; }; body: DirectBody; answer: ChannelAnswer };
  /** Leave a channel, or remove a member */
  removeMember: { path: { organization_id: string; channel_id: string; member_id: string; }; answer: null };
  /** Replace a channel */
  replaceChannel: { path: { organization_id: string; channel_id: string; }; body: ChannelReplacement; answer: ChannelAnswer };
  /** Replace a webhook */
  replaceWebhook: { path: { organization_id: string; webhook_id: string; }; body: WebhookReplacement; answer: WebhookAnswer };
  /** Deliver events again */
  replayWebhook: { path: { organization_id: string; webhook_id: string; }; body: ReplayBody; answer: WebhookAnswer };
  /** Send an event again */
  resendDelivery: { path: { organization_id: string; webhook_id: string; delivery_id: string; }; answer: DeliveryAnswer };
  /** Rotate the stream key */
  rotateKey: { path: { organization_id: string; channel_id: string; }; body?: RotationBody; answer: StreamAnswer };
  /** Create a new secret */
  rotateWebhookSecret: { path: { organization_id: string; webhook_id: string; }; answer: SecretWebhookAnswer };
  /** Send a message */
  sendMessage: { path: { organization_id: string; channel_id: string; }; body: MessageBody; answer: MessageAnswer };
  /** Send a ping */
  testWebhook: { path: { organization_id: string; webhook_id: string; }; answer: DeliveryAnswer };
}

export declare const OPERATIONS: { readonly [K in OperationName]: readonly [method: string, path: string] };

export type OperationName = keyof Operations;

type Member<K extends OperationName, M extends string> = M extends keyof Operations[K] ? Operations[K][M] : never;
type Needed<K extends OperationName> = Pick<Operations[K], Extract<keyof Operations[K], "path" | "query" | "body">>;
export type Request<K extends OperationName> = Needed<K> & { signal?: AbortSignal };
export type Answer<K extends OperationName> = Member<K, "answer">;
/** Operations that answer a page of a collection. */
export type CollectionName = { [K in OperationName]: Answer<K> extends { next: string | null } ? K : never }[OperationName];

type Paths<K extends OperationName> = "path" extends keyof Operations[K] ? [path: Member<K, "path">] : [];
type Arguments<K extends OperationName> = {} extends Needed<K> ? [request?: Request<K>] : [request: Request<K>];

/** An answer that is not a success. `body` is what the service said about it; `retryAfter` is in seconds. */
export declare class ApiError extends Error {
  readonly operation: OperationName;
  readonly status: number;
  readonly body: unknown;
  readonly retryAfter: number | null;
}

export declare class ConferenceClient {
  constructor(options: {
    baseUrl: string;
    authorization?: string;
    fetch?: typeof globalThis.fetch;
    WebSocket?: typeof globalThis.WebSocket;
  });
  baseUrl: string;
  authorization: string | undefined;
  /** The path of an operation: the channel of a subscription to its changes. */
  pathOf<K extends OperationName>(operation: K, ...path: Paths<K>): string;
  /** Subscribe to the changes of a resource or a collection, and resume after every reconnect. */
  subscribe<R = Record<string, unknown>>(channel: string, handlers: SubscriptionHandlers<R>): Subscription;
  /** Continue the subscriptions with the present authorization, before the old one expires. */
  renew(): void;
  call<K extends OperationName>(operation: K, ...request: Arguments<K>): Promise<Answer<K>>;
  /** The next page of a collection, or null after the last. */
  next<K extends CollectionName>(
    operation: K,
    page: Answer<K>,
    options?: { signal?: AbortSignal },
  ): Promise<Answer<K> | null>;
}
