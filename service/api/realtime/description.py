"""The text about the real-time API in the OpenAPI document's introduction, which /docs shows."""

from __future__ import annotations

REALTIME = """
## Real-time

A WebSocket sends the changes of resources as they are committed. `GET /api/v5/messagerouter` returns its address and a
`permission_token`; visitors get the address as `socket_url`. A **channel** of the WebSocket is the path of a collection
or of a resource, without a query and without a slash at the end. Messages are JSON objects in text frames:

```json
{"action": "subscribe", "channel": "/api/pub/v1/orgs/<org>/channels/<C>/messages", "token": "<token>", "ref": 1}
{"action": "subscribed", "channel": "/api/pub/v1/orgs/<org>/channels/<C>/messages", "id": 4711, "ref": 1}
{"channel": "/api/pub/v1/orgs/<org>/channels/<C>/messages", "action": "added", "resource_id": "<message>",
 "resource": {"id": "<message>", "body": {}}, "id": 4713}
```

`action` of a change is `added` (with the whole `resource`), `changed` (with its id and the attributes that changed) or
`removed` (without `resource`). `resource_id` is the resource's id; for members it is the user's id, for active
conferences the channel's id. `id` grows in the order of the commits within the organization; numbers may be missing.

**Token.** `token` is an API token, an access token or a permission token, with or without `Token` or `Bearer` before
it. A subscription is accepted if a GET of the path would be; otherwise the answer is `{"action": "refused", "status":
404, "error": {…}}` with the status and the body of that GET. The permission is checked again when rights change, and
the credentials every 3 seconds. If they no longer suffice, the subscription ends with `{"action": "unsubscribed",
"status": …, "error": …}`. To continue with a new token, subscribe again before the old one expires: nothing is lost or
sent twice. `stream_status` needs no token.

**No gaps.** Subscribe first, then GET the resources, then apply the changes. After a reconnect, subscribe with `since`,
the last `id` that you received on this channel, from a change or from `subscribed`. All later changes follow, once
each, from any node and after any restart. Every 20 seconds `{"action": "position", "organization_id": …, "id": …}`
reports that all changes of the organization up to this id were sent for this connection's subscriptions: `since` may
then be this id for all of them. Changes are kept for seven days, unless the operator sets another time. If they are no
longer kept, the answer is `{"action": "gone"}`: subscribe without `since` and GET the resources again.

**Channels.** Below `/api/pub/v1/orgs/<org>`: `/channels`, `/channels/<C>`, `…/messages`, `…/messages/<id>`,
`…/members`, `…/members/<user>`, `…/members/<user>/notification_settings`, `…/conference/create_stream`,
`…/conference/recorded_streams`, `…/conference/stream_sessions`, `…/conference/stream_health` (findings),
`…/conference/broadcast_events` (what the provider reports), `/conference/streams`,
`/users/<user>/joined-channels` (with the user's unread counts), `…/joined-channels/<C>`, `/users/<user>/dm-channels`,
`…/dm-channels/<C>`, `/users/<user>/notifications` and `/users/<user>/active_conferences`. For visitors:
`/api/pub/public/v1/orgs/<org>/channels/<C>/conference/stream_status`.

`{"action": "unsubscribe", "channel": …}` ends a subscription. `ref` (any JSON value) comes back in the answer. The
arrays of 2015 are understood as well: `["sub", ["<channel>", "<token>"], {"query": 1}]` is answered by `["__qr__",
[[]], {"query": 1}]`, with `"fail": true` if it is refused, and changes are `["changed", ["<channel>", {"action": …,
"resourceId": …, "resource": …}]]`.

**Limits.** 400 connections per address, 4,000 per process, 100 subscriptions per connection, 8 KiB per message. The
service pings every 20 seconds. A connection without a subscription is closed after 30 seconds, and one whose client
does not read is cut off when 256 KiB wait to be sent: connect again and resume with `since`. Bad tokens and unknown
channel ids count as everywhere else.
"""
