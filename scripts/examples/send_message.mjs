#!/usr/bin/env node
// Say something in a channel, with JavaScript and fetch (Node 18 or newer, nothing to install).
//
//   API_URL=http://127.0.0.1:8080 API_TOKEN=… node scripts/examples/send_message.mjs "Town hall"
//
// Three calls: read the token's user (and organization), list the channels page by page, and post the message.

const { API_URL, API_TOKEN } = process.env;
const channelName = process.argv[2];
if (!API_URL || !API_TOKEN || !channelName) {
  console.error("usage: API_URL=… API_TOKEN=… node send_message.mjs CHANNEL");
  process.exit(2);
}

const BODY = {
  version: 3,
  chunks: [
    { type: "text", text: "We go live in ten minutes. Questions beforehand: " },
    { type: "link", kind: "email", text: "studio@example.com" },
    { type: "text", text: "\nSee you there!" },
  ],
  externalView: { url: "https://example.com/programme", title: "Programme" },
};

// `next` is a whole URL; everything else is a path below API_URL.
async function call(method, path, body) {
  const response = await fetch(new URL(path, API_URL), {
    method,
    headers: { authorization: `Token ${API_TOKEN}`, "content-type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
    signal: AbortSignal.timeout(10_000),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return response.json();
}

// A page may be short: only `next` says whether there is more.
async function* allOf(path) {
  while (path) {
    const page = await call("GET", path);
    yield* page.results;
    path = page.next;
  }
}

async function find(path, name) {
  for await (const each of allOf(path)) if (each.name === name) return each;
  throw new Error(`There is no channel "${name}".`);
}

try {
  const me = await call("GET", "/api/v5/users/me");
  console.log(`I am ${me.first_name} of ${me.organization.name}.`);
  const channels = `/api/pub/v1/orgs/${me.organization_id}/channels`;
  const channel = await find(channels, channelName);
  const sent = await call("POST", `${channels}/${channel.id}/messages`, { body: BODY });
  console.log(`Message ${sent.id} was sent at ${sent.created_at}.`);
} catch (error) {
  console.error(error.message);
  process.exit(1);
}
