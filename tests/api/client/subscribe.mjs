// What test_clients.py has Node do with subscriptions: it writes each call of a handler as a line of JSON.

import { ConferenceClient } from "../../../service/web/client/conference.js";

const { API_URL, API_TOKEN, ORGANIZATION, CHANNEL } = process.env;
const client = new ConferenceClient({ baseUrl: API_URL, authorization: `Token ${API_TOKEN}` });
const say = (...what) => process.stdout.write(`${JSON.stringify(what)}\n`);

const path = { organization_id: ORGANIZATION, channel_id: CHANNEL };
const messages = client.subscribe(client.pathOf("listMessages", path), {
  onChange: ({ action, resource }) => {
    say(action, resource.body.chunks[0].text);
    if (resource.body.chunks[0].text === "renew") client.renew();
    if (resource.body.chunks[0].text === "close") messages.close();
  },
  onReset: () => say("reset"),
  onLive: (live) => say("live", live),
  onEnd: (reason) => say("end", reason.status),
});
client.subscribe(client.pathOf("getMe"), { onEnd: ({ name, status, body, message }) => say("refused", name, status, Object.keys(body), message) });
