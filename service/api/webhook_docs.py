"""The `webhooks` of the OpenAPI document (OpenAPI 3.1.0 §4.8.1): the requests that the service sends."""

from __future__ import annotations

from typing import Any

TAG = "Webhook requests"
"""Not the tag of the operations on webhooks: generators write one file for a tag, and one would replace the other."""

_ORGANIZATION = "7f1c2d64-8a3b-4a57-9f0e-2f6a6f0c9b11"

SIGNATURE = """\
Verify the signature before you use the body. It follows [Standard Webhooks](https://www.standardwebhooks.com), which has
libraries for most languages. In Python:

```python
from standardwebhooks import Webhook

message = Webhook("whsec_…").verify(body, headers)  # raises WebhookVerificationError
```

In JavaScript, use `new Webhook("whsec_…").verify(body, headers)` of the npm package `standardwebhooks`. Pass the body as
received, not parsed and written again.

Without a library: the signature is `v1,` and the base64 of the HMAC-SHA256 of
`<webhook-id>.<webhook-timestamp>.<body>`. The key is what follows `whsec_` in the secret, base64-decoded. Compare in
constant time, and refuse a timestamp that differs from your clock by more than five minutes. After a rotation,
`webhook-signature` has two signatures, separated by a space; one of them must match.
"""

INTRODUCTION = """
## Webhooks

A webhook sends the events of the organization to an address of yours, signed and in order. Managers of the organization
(`is_manager` or `is_staff`) and tokens without a user create them:

```sh
curl -H "Authorization: Token $T" -H 'Content-Type: application/json' \\
     -d '{"endpoint_url": "https://hooks.example.com/in",
          "channel_subscriptions": [{"channel_pattern": "/api/pub/v1/orgs/*/channels/*/messages"}]}' $O/webhooks
```

The response has the `secret`, which is not returned again. `POST …/rotate_secret` creates a new one; for a day requests
have the signatures of both. `POST …/test` sends a `ping`.

**Patterns.** An event's `channel` is the path of the resource's collection. In a pattern, a segment `*` matches any one
segment, and `**` at the end any rest: `/**` matches everything. `is_additions_subscribed`, `is_changes_subscribed` and
`is_removals_subscribed` select the actions; all are true by default.

**What a webhook sees.** With the `audience` `organization` (the default) it sees what every user of the organization can
read: nothing of private or direct channels. With `user` it sees what the user that created it can read at the time of
delivery, including private and direct channels and notifications; only this user can see and change the webhook. It is
disabled when the user is deleted or is no longer a manager. Paths of a single user, such as `joined-channels`, are not
sent.

**Delivery.** A POST whose complete answer with a status of 2xx arrives within 10 s is successful. Otherwise the event is
attempted again after 5 s, 5 min, 30 min, 2 h, 5 h and 10 h, and then daily for three days; later events wait for it.
After that the webhook is disabled, and at once by an answer of 410. `PATCH {"is_enabled": true}` continues with the
event that failed. An event may arrive more than once, always with the same `webhook-id`. `GET …/deliveries` lists the
attempts of the last seven days; `POST …/deliveries/<id>/resend` sends an event again, and `POST …/replay` with
`{"since": <event id>}` all events after that one that are still in the log. `missed_events` names events that were
purged from the log before they could be delivered.

**Limits.** Endpoints need `https` and a public address, unless the operator allows others; redirects are not followed. An
organization has at most 50 webhooks, with 50 subscriptions each.

### Verify a signature

"""
"""The section of the introduction. SIGNATURE follows it."""

_HEADERS = {
    "webhook-id": "Identifies the event, `<organization>_<event id>`. It is the same at every attempt: ignore ids that you have "
    "processed.",
    "webhook-timestamp": "The time of the attempt, in Unix seconds.",
    "webhook-signature": "`v1,<base64>`; several signatures are separated by spaces.",
}

_EVENT = {
    "type": "object",
    "required": ["id", "created_at", "channel", "action", "resource_id"],
    "properties": {
        "id": {"type": "integer", "description": "Grows with each event of the organization."},
        "created_at": {"type": "string", "format": "date-time"},
        "channel": {
            "type": "string",
            "description": "The path of the resource's collection, without a trailing slash.",
        },
        "action": {"type": "string", "enum": ["added", "changed", "removed"]},
        "resource_id": {"type": "string"},
        "resource": {
            "type": "object",
            "description": "The whole resource when added, the id and the changed attributes when changed, absent when removed.",
        },
    },
}

_PING = {
    "type": "object",
    "required": ["id", "created_at", "channel", "action", "resource_id"],
    "properties": {
        "id": {"type": ["integer", "null"], "description": "Null: a ping is no event of the log."},
        "created_at": {"type": "string", "format": "date-time"},
        "channel": {"type": "string", "description": "The path of the webhook."},
        "action": {"type": "string", "const": "ping"},
        "resource_id": {"type": "string", "format": "uuid", "description": "The id of the webhook."},
    },
}

_RESPONSES = {
    "2XX": {
        "description": "The delivery is successful. The content is ignored; its first 1 kB is in the log of deliveries."
    },
    "410": {"description": "The webhook is disabled at once."},
    "default": {
        "description": "The delivery failed, as after 10 s without a complete answer. Redirects are not followed."
    },
}


def webhooks() -> dict[str, Any]:
    """Return the section: one entry for events, one for pings."""
    channel = "3b9e5c02-6d1f-4c8e-8e57-0f4f8c1d2a90"
    event = {
        "id": 4711,
        "created_at": "2026-11-28T14:05:12.079271Z",
        "channel": f"/api/pub/v1/orgs/{_ORGANIZATION}/channels/{channel}/messages",
        "action": "changed",
        "resource_id": "5f0c9d3e-2b1a-4c6d-9e8f-7a6b5c4d3e2f",
        "resource": {"id": "5f0c9d3e-2b1a-4c6d-9e8f-7a6b5c4d3e2f", "is_edited": True},
    }
    webhook = "b7c8d9e0-1f2a-4b3c-8d4e-5f6a7b8c9d0e"
    ping = {
        "id": None,
        "created_at": "2026-11-28T13:30:04.512000Z",
        "channel": f"/api/pub/v1/orgs/{_ORGANIZATION}/webhooks/{webhook}",
        "action": "ping",
        "resource_id": webhook,
    }
    return {
        "event": {"post": _request("receive_event", "An event", SIGNATURE, _EVENT, event)},
        "ping": {"post": _request("receive_ping", "A test", "Sent on request. Signed as an event.", _PING, ping)},
    }


def _request(
    id_: str, summary: str, description: str, schema: dict[str, Any], example: dict[str, Any]
) -> dict[str, Any]:
    return {
        "operationId": id_,
        "tags": [TAG],
        "summary": summary,
        "description": description,
        "x-internal": True,  # openapi-generator leaves it out: it would write a client of requests that only the service sends
        "security": [],  # signed by the service, without credentials of the receiver
        "parameters": [
            {"name": name, "in": "header", "required": True, "description": text, "schema": {"type": "string"}}
            for name, text in _HEADERS.items()
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema, "example": example}}},
        "responses": _RESPONSES,
    }
