// What the client's types must let through and what not: every line below a "@ts-expect-error" has to be one.

import { ApiError, ConferenceClient, OPERATIONS, type Answer, type MessageAnswer, type Subscription } from "../../../service/web/client/conference.js";

const client = new ConferenceClient({ baseUrl: "http://127.0.0.1", authorization: "Token x" });
const organization = { organization_id: "a" };
const path = { organization_id: "a", channel_id: "b" };

// Answers have the types of the document.
const me = await client.call("getMe");
const name: string = me.organization.name;
const email: string | null = me.email;
const status: Answer<"getStreamStatus"> = await client.call("getStreamStatus", { path, query: { visitor_id: "v" } });
const seconds: number = status.seconds_until_watchable;
const live: boolean = status.state === "live";
const stream = await client.call("ensureStream", { path, body: { latency_mode: "low", slate_image_url: null } });
const key: string = stream.stream_key;
const nothing: null = await client.call("deleteChannel", { path });
const session = await client.call("changeStreamSession", { path, body: { action: "start" } });
const id: string | null = session.stream_session_id;

// Requests: optional where the document says so, a signal always.
await client.call("ensureStream", { path });
await client.call("getMe", { signal: new AbortController().signal });
await client.call("listChannels", { path: organization, query: { page_size: 10 } });
await client.call("listJoined", { path: { ...organization, user_id: me.id }, query: { is_active: true } });
const chunks = [{ type: "text", text: "hello" }, { type: "hologram", depth: 3 }];
const sent: MessageAnswer = await client.call("sendMessage", { path, body: { body: { version: 3, chunks, externalView: {} } } });

// Collections, page by page.
for (let page: Answer<"listMessages"> | null = await client.call("listMessages", { path }); page; page = await client.next("listMessages", page)) {
  for (const each of page.results) console.log(each.sender?.full_name ?? "nobody", each.body.version);
}

// Errors.
try {
  await client.call("getChannel", { path });
} catch (error) {
  if (error instanceof ApiError && error.status === 429) console.log(error.retryAfter ?? 1, error.operation, error.body);
}
const [method, template]: readonly [string, string] = OPERATIONS.getMe;
console.log(name, email, seconds, live, key, nothing, id, sent.id, method, template);

// Changes.
const place: string = client.pathOf("listMessages", path);
const subscription: Subscription = client.subscribe<MessageAnswer>(place, {
  since: 3,
  onChange: (change) => {
    if (change.action === "added") console.log(change.resource.body.version, change.resource_id, change.id);
    if (change.action === "changed") console.log(change.resource.body?.version);
  },
  onReset: () => console.log(subscription.id),
  onLive: (live) => console.log(live ? "live" : "poll"),
  onEnd: (reason) => console.log(reason.status, reason.body),
});
client.renew();
subscription.close();
// @ts-expect-error: a channel is needed
client.pathOf("listMessages", organization);
// @ts-expect-error: a removed resource is not sent
client.subscribe(place, { onChange: (change) => change.action === "removed" && change.resource.id });
// @ts-expect-error: there is no such operation
await client.call("getNothing");
// @ts-expect-error: a path is needed
await client.call("getStreamStatus");
// @ts-expect-error: a channel is needed
await client.call("getStreamStatus", { path: organization });
// @ts-expect-error: ids are texts
await client.call("getChannel", { path: { organization_id: "a", channel_id: 7 } });
// @ts-expect-error: a body is needed
await client.call("createChannel", { path: organization });
// @ts-expect-error: a name is needed
await client.call("createChannel", { path: organization, body: { description: "x" } });
// @ts-expect-error: there is no such member
await client.call("createChannel", { path: organization, body: { name: "x", colour: "red" } });
// @ts-expect-error: a direct channel is not created like that
await client.call("createChannel", { path: organization, body: { name: "x", type: 1 } });
// @ts-expect-error: there is no such action
await client.call("changeStreamSession", { path, body: { action: "pause" } });
// @ts-expect-error: a deleted message cannot be sent
await client.call("sendMessage", { path, body: { type: "deleted", body: { version: 3 } } });
// @ts-expect-error: a chunk has a type
await client.call("sendMessage", { path, body: { body: { version: 3, chunks: [{ text: "x" }] } } });
// @ts-expect-error: there is no such parameter
await client.call("listChannels", { path: organization, query: { limit: 3 } });
// @ts-expect-error: this takes no body
await client.call("getMe", { body: {} });
// @ts-expect-error: this is no collection
await client.next("getMe", { next: null });
// @ts-expect-error: a page of something else
await client.next("listMessages", await client.call("listChannels", { path: organization }));
// @ts-expect-error: the list never has the key
console.log((await client.call("listStreams", { path: organization })).results[0]?.stream_key);
// @ts-expect-error: it may be null
const certain: string = me.email;
// @ts-expect-error: there is no such state
console.log(status.state === "paused", certain);
