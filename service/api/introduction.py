"""The description at the beginning of the OpenAPI document, which /docs shows: what all operations have in common."""

from __future__ import annotations

from service.api import webhook_docs
from service.api.inboxes import introduction as inboxes
from service.api.realtime.description import REALTIME
from service.http.openapi import Introduction

TITLE = "Live-stream conference"

CONVENTIONS = """\
Live streams in the channels of an organization, with messages beside them.

The examples use these variables, which `scripts/run` prints: `O` is `<origin>/api/pub/v1/orgs/<organization>`, `PUBLIC`
is the same with `/api/pub/public/v1/`, `C` is a channel id, `T` an API token, `U` the token's user id and `V` the id of
another user, which also serves as a visitor id. A typed client is in `service/web/client`; `scripts/examples` has
clients in Python and JavaScript without it.

## Conventions

**Credentials.** Send `Authorization: Token <API token>`, or `Bearer <access token>` until it expires. Operations tagged
*Public* need no credentials; a visitor's Bearer token identifies the visitor there. A token opens its own organization
only (403 for any other).

**Requests** are JSON in UTF-8 without compression; a `Content-Encoding` is a 415. Unknown members are ignored. PATCH
changes the members that are sent; PUT resets the others. Ids are UUIDs with dashes; uids of streams and recordings are
32 hex digits; both in either case. A trailing slash makes no difference. `format=json` is accepted.

**Names** (of channels, users, guests of a meeting) need a visible character and may not contain control or
bidirectional formatting characters.

**Times** are returned in UTC with six digits, `2021-02-11T12:32:47.079271Z`. They are accepted with up to nine digits
and in any zone.

**Collections** are `{"next": …, "previous": …, "results": […]}`. `next` is the complete URL of the next page, null on
the last. `page_size` is 1 to 100 (more means 100, less is a 400); a page may have fewer items. `ordering` takes a name,
with `-` for descending order; an unknown name means the default. Items that are added while you page are neither
doubled nor do they hide others. `search` matches a part of the channel's name in any case. If `state` is repeated, any
of its values matches.

**Errors** have one shape: `{"detail": "…"}`, or for a 400 messages by field, `{"name": ["This field is required."]}`.
`WWW-Authenticate`, `Allow` and `Retry-After` are sent where they apply. 404 also covers what you may not know of, such
as another user's private channel. 429 and 503 give the seconds to wait in `Retry-After`. An error has an
`X-Request-Id`, which is also in the operator's log. Input that is not an HTTP request is refused in the same shape, and
the connection is closed.

**Limits.** An address (of IPv6, a /64) that sends 200 unknown ids or bad tokens gets 429 for more of them; the
allowance refills at 2 a second. Valid ids and tokens from that address still work. Requests with credentials are
limited per user, and new visitor ids per address. Responses over 1 kB are compressed for clients that accept gzip.
"""

STREAMS = """
## Streams

`POST …/conference/create_stream` creates the channel's live input (201), or returns it (200). Optional members, where
null means the default: `slate_image_url`, `reconnect_timeout` (seconds) and `latency_mode` (`standard`, `reduced`,
`low`). The response has `rtmps_url`, `stream_key`, `view_url`, `stream_uid`, the options and, as our extension,
`rtmp_url` (null if the plain port is off). A new latency mode applies from the next broadcast; a new reconnect timeout
applies at once.

`POST …/conference/rotate_key` creates a new `stream_key`. With `{"overlap": 600}` the old key works for ten more
minutes (Cloudflare does not support this and returns 400). An encoder that still uses the old key is then disconnected
with the reason; the broadcast stays open as after a drop. `POST …/conference/disable` ends a running broadcast and
refuses encoders until `…/enable`. These three return the same body as `create_stream`, with `enabled`. They are allowed
for admins of the channel and for tokens without a user (403 for others); in a direct channel, which has no admin, for
its members.

`view_url` is HLS and the same address with `.mpd` is DASH: `/<uid>/manifest/video.m3u8`, `/<uid>/manifest/video.mpd`
and `/<uid>/thumbnails/thumbnail.jpg?width=&height=&fit=`, for the uid of a live input (404 while nothing is live) and
of a recording.

These addresses need no credentials, also those of a private channel: the API returns them only to its members and to
tokens without a user, but they play for everyone who has them. They do not expire: they last as long as the live input
or the recording. The playlists of a live broadcast of the local provider contain its recording's uid.

### Status

`stream_status` and `stream_viewer_count` need no credentials, also for a private channel, because its player polls
without any: a channel id cannot be guessed, and the responses contain no name and no address.

| state | is_connected | is_watchable | meaning |
|---|---|---|---|
| `offline` | false | false | there was no broadcast yet |
| `connecting` | true | false | an encoder is connected; no video yet |
| `starting` | true | false | media arrives; the countdown runs |
| `live` | true | true | the stream can be watched |
| `reconnecting` | false | true once it was watchable | the encoder is disconnected or frozen; the broadcast waits for it |
| `ended` | false | false | the broadcast is over; its recording is listed |

While `reconnecting`, the broadcast stays open until `reconnect_timeout` has passed. When the encoder returns,
`is_connected` is already true, and the state changes at its first keyframe.

`seconds_until_watchable` is estimated from the encoder's keyframes (before the first ones: from the last broadcast). It
never rises. It is 0 exactly when a player can play, and also when nothing is coming, for example while `reconnecting`
before anything could be watched. An estimate that was too short stays at 1. Poll again after `poll_after_ms`.

`tracks` names what the live stream offers: `audio+video`, `video` or `audio`. It is null while there is nothing to
play, and always on Cloudflare. If it changes while the stream is watchable, load the manifest again: players read the
set of tracks only once.

`GET …/conference/stream_events?visitor_id=…` (public) sends the same status as Server-Sent Events within a second of
each change, and counts the visitor while connected. Each new connection first receives the current status. There is
room for 400 connections per address and 4,000 in all. Over these limits the response is 429 or 503, and the client
should poll.

### Viewers

A poll counts as a heartbeat while the stream is watchable, if it names a visitor by `visitor_id` (query),
`X-Visitor-Id` (header) or a visitor's Bearer token. `viewer_count` is the number of distinct visitors in the last 120
s, exact to the millisecond, and 0 while there is nothing to watch. New visitor ids are limited per address (429 with
`Retry-After`).

A request that names a visitor is answered with `counted`: true, or false with `not_counted_because`, which is
`invalid_token` (forged, expired, or of another organization), `empty_visitor_id` or `not_watchable`. An invalid token
never fails a poll. A visitor id of more than 128 characters is a 400. `stream_viewer_count` does not count visitors
(`not_counted_here`).

`POST /api/v5/public/orgs/<organization>/auth` (no credentials) gives a visitor an id, a secret and a Bearer token for
half an hour. The same secret returns the same id next time. Nothing is stored: the id is a keyed hash of secret and
organization.

### Sessions

`POST …/conference/stream_session` with `{"action": "start"}` or `"stop"` starts or stops a stream session. A session
also starts when an encoder connects and stops when its broadcast has ended. Recordings have its `stream_session_id`.
`GET …/conference/stream_sessions` (our extension) returns the highest number of viewers at the same time and the exact
number of different viewers. A digest of each visitor is kept while the session runs; afterwards only the number is
kept.

### Stream health

`GET …/conference/stream_health` returns measurements of the incoming stream, taken every two seconds without decoding:
codec, profile, size, frame rate, bitrate and keyframe interval. `history` has the last five minutes, with the viewers
beside the bitrate. `findings` describe problems and where to fix them in OBS; a good stream has none. `measured` is
false on Cloudflare, which publishes no measurements.

```json
{"code": "keyframes_rare", "severity": "warning",
 "message": "Keyframes come every 8.3 s; viewers wait that long to join.",
 "advice": "OBS: Settings → Output → Output Mode: Advanced → Streaming → Keyframe Interval: 2 s."}
```
"""

CONVERSATION = """
## Channels and messages

Public channels are open to all users of the organization: they can read, post and join. Private and direct channels
exist only for their members (404 for others). The user who creates a channel is its admin. Admins change and delete the
channel, remove members and delete messages. The only admin of a channel can neither resign nor leave (409): appoint
another admin first, or delete the channel. Deleted users do not count as admins; if no admin is left, the operator
appoints one. A channel that is created by a token without a user has the first of its `members` as admin; without
members, such tokens administer it. One public channel may be the organization's default: its admin sends `PATCH
{"is_default_channel": true}` (409 while another channel is the default).

```sh
curl -H "Authorization: Token $T" -H 'Content-Type: application/json' \\
     -d '{"body": {"version": 3, "chunks": [{"type": "text", "text": "hello"}]}, "notify_channel": true}' $O/channels/$C/messages
curl -H "Authorization: Token $T" "$O/channels/$C/messages?ordering=created_at"
curl -X PATCH -H "Authorization: Token $T" -H 'Content-Type: application/json' \\
     -d '{"last_seen_at": "2026-01-01T12:00:00Z"}' $O/channels/$C/members/$U
curl -H "Authorization: Token $T" $O/users/$U/joined-channels      # unread messages and mentions, settings
curl -X POST -H "Authorization: Token $T" -H 'Content-Type: application/json' \\
     -d "{\\"members\\": [\\"$V\\"]}" $O/users/$U/dm-channels        # 201, then 200
```

The body of a message is stored as it was sent, including the order of its keys, up to 32 KiB. A message that is sent
again with the same client `id` is the same message (200); a different message with that id in the channel is a 409.
Deleting a channel ends its stream and deletes its messages in the background. Its recordings stay at
`…/conference/recorded_streams/<uid>`: for a private channel, for its last members and for tokens without a user.
`PATCH` there changes a recording's name, description and thumbnail. `DELETE` deletes it permanently with its media, and
frees the space at once.

## Meetings

`POST …/conference/token` returns a Jitsi token for the channel's room, whose name is the channel id. `GET
…/users/<user>/active_conferences` lists the calls of a user: those for which the user requested a token or sent
`call_request`, until `call_leave` or for two hours.
"""

INTRODUCTION = CONVENTIONS + STREAMS + CONVERSATION + REALTIME + webhook_docs.INTRODUCTION + webhook_docs.SIGNATURE
INTRODUCTION += inboxes.INTRODUCTION
"""All sections, in the order of the document."""

LICENSE = {"name": "MIT", "identifier": "MIT"}
CONTACT = {"name": "The operator of this service"}
SERVERS = [{"url": "/", "description": "The service this document was fetched from."}]

TAGS = {
    "Users": "The user that a token belongs to.",
    "Channels": "The organization's channels. A channel can have a live input, and its members exchange messages.",
    "A user's channels": "The channels that a user has joined, and direct channels.",
    "Members": "The members of a channel, what they have seen, and when they want to be notified.",
    "Messages": "The messages of a channel.",
    "Streams": "A channel's live input, its health, its sessions and its recordings.",
    "Meetings": "Tokens for a channel's video meeting, and running meetings.",
    "Real-time": "The address of the WebSocket that sends changes.",
    "Webhooks": "Addresses of yours that receive the events of the organization, signed and in order.",
    "Webhook requests": "The requests that the service sends to a webhook.",
    "Public": "For players and visitors: no credentials.",
    "API channel": "Inboxes, contacts, conversations and messages with the outside, for clients written for Chatwoot.",
    "API channel: contacts' apps": "The public client API of an inbox: no token.",
    "Operations": "For the operator: liveness and readiness.",
}
"""Every tag with its description, in the order of the document."""


def introduction(version: str) -> Introduction:
    """Return the introduction of this version's document."""
    return Introduction(TITLE, version, INTRODUCTION, LICENSE, CONTACT, SERVERS, TAGS)
