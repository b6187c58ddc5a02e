// What test_clients.py has Node do with the client, against a live server. Says what came of it, as JSON.

import { ApiError, ConferenceClient } from "../../../service/web/client/conference.js";

const { API_URL, API_TOKEN, ORGANIZATION } = process.env;
const client = new ConferenceClient({ baseUrl: API_URL + "/", authorization: `Token ${API_TOKEN}` });
const anybody = new ConferenceClient({ baseUrl: API_URL });
const path = { organization_id: ORGANIZATION };

const made = await client.call("createChannel", { path, body: { name: "Town hall" } });
const channel = { ...path, channel_id: made.id };
const stream = await client.call("ensureStream", { path: channel });

const names = [];
const query = { page_size: 2, ordering: "created_at", cursor: undefined };
for (let page = await client.call("listChannels", { path, query }); page; page = await client.next("listChannels", page)) {
  names.push(...page.results.map((each) => each.name));
}

const body = { version: 3, chunks: [{ type: "text", text: "Grüße\n" }] };
const message = await client.call("sendMessage", { path: channel, body: { body } });

const visitor = await anybody.call("authenticateVisitor", { path });
anybody.authorization = `Bearer ${visitor.access_token}`;
const status = await anybody.call("getStreamStatus", { path: channel, query: { visitor_id: "a b&c" } });

const refusals = {};
async function refused(name, who, ...request) {
  const error = await who.call(...request).catch((error) => error);
  refusals[name] = [error instanceof ApiError, error.operation, error.status, Object.keys(error.body), error.message];
}
await refused("bad value", client, "changeStreamSession", { path: channel, body: { action: "pause" } });
await refused("visitor", anybody, "getMe");
await refused("not there", client, "getMessage", { path: { ...channel, message_id: "no/such" } });
const stopped = new AbortController();
stopped.abort();
const aborted = await client.call("getMe", { signal: stopped.signal }).catch((error) => error.name);
const elsewhere = new ConferenceClient({ baseUrl: API_URL, fetch: async () => new Response("<p>Bad gateway", { status: 502 }) });
const gateway = await elsewhere.call("getMe").catch((error) => [error.status, error.body]);

const deleted = await client.call("deleteChannel", { path: channel });
console.log(JSON.stringify({
  names, latency_mode: stream.latency_mode, body: message.body, state: status.state, refusals, aborted, gateway, deleted,
}));
