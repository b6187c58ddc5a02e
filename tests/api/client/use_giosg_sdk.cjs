// What test_clients.py has Node do with giosg's own SDK: changes through it, followed by all of its live methods.
// Prints, for each of them, the number of changes that arrived and whether it has what the API answers in the end.

"use strict";

const Module = require("node:module");
const { isDeepStrictEqual } = require("node:util");
const { Core } = require("./giosg_core.cjs");

const load = Module._load;
Module._load = (request, ...rest) => (request.startsWith("@giosg/realtime-sdk/") ? { getServerTime: () => null } : load(request, ...rest));
const { BasePubSdk } = require("../vendor/giosg-pub-sdk-3.1.0.cjs");

const { API_URL, API_TOKEN, ORGANIZATION: org, USER_ID: user, OTHER_ID: other } = process.env;
const PATIENCE_MS = 30_000;
const body = (text) => ({ version: 3, chunks: [{ type: "text", text }] });

async function main() {
  const router = await new Core(API_URL, API_TOKEN).call("GET", "/api/v5/messagerouter");
  const sdk = new BasePubSdk(new Core(API_URL, API_TOKEN, router.url));
  const { id: channel } = await sdk.postPublicChannel(org, { name: "Live", description: "" });
  const { id: message } = await sdk.postChannelMessage(org, channel, { type: "user", body: body("first") });
  const { id: direct } = await sdk.postDMChannel(org, user, { members: [other] });
  const live = {
    streamPublicChannels: sdk.streamPublicChannels(org),
    streamChannel: sdk.streamChannel(org, channel),
    streamJoinedChannels: sdk.streamJoinedChannels(org, user),
    streamJoinedChannel: sdk.streamJoinedChannel(org, user, channel),
    streamUserDMChannels: sdk.streamUserDMChannels(org, user),
    streamUserDMChannel: sdk.streamUserDMChannel(org, user, direct),
    streamChannelMessages: sdk.streamChannelMessages(org, channel),
    streamChannelMessage: sdk.streamChannelMessage(org, channel, message),
    streamChannelMembers: sdk.streamChannelMembers(org, channel),
    streamChannelMember: sdk.streamChannelMember(org, channel, user),
    streamChannelNotificationSettings: sdk.streamChannelNotificationSettings(org, channel, user),
    getConferences: sdk.getConferences(org, user),
  };
  await Promise.all(Object.values(live).map((each) => each.ready));
  await sdk.patchChannel(org, channel, { name: "Renamed" });
  await sdk.postJoinChannel(org, channel, other);
  const second = await sdk.postChannelMessage(org, channel, { type: "user", body: body("second") });
  await sdk.patchChannelMessage(org, channel, message, { type: "user", body: body("edited") });
  await sdk.deleteMessage(org, channel, second.id);
  await sdk.postChannelMessage(org, direct, { type: "user", body: body("between us") });
  await sdk.patchChannelNotificationSettings(org, channel, user, { mode: "mentions" });
  await sdk.getConferenceToken(org, channel, { group: org, user: {} });
  await sdk.createConferenceLiveStream(org, channel, {});
  await sdk.createStreamSessionAction(org, channel, "start");
  await sdk.deleteChannelMember(org, channel, other);
  await sdk.patchLastSeenAtField(org, channel, user);
  const result = {};
  const end = Date.now() + PATIENCE_MS;
  for (const [name, each] of Object.entries(live)) {
    let equal = false;
    while (!equal && Date.now() < end) {
      equal = isDeepStrictEqual(each.resources, await each.read());
      if (!equal) await new Promise((resolve) => setTimeout(resolve, 50));
    }
    if (!equal) console.error(name, JSON.stringify(each.resources), JSON.stringify(await each.read()));
    result[name] = [each.changes > 0, equal];
    each.socket.close();
  }
  console.log(JSON.stringify(result));
}

main();
