"""Examples of webhooks for the OpenAPI document, of the same afternoon as the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from service.api import webhook_schemas as schemas

_ORGANIZATION = "7f1c2d64-8a3b-4a57-9f0e-2f6a6f0c9b11"
_WEBHOOK = "b7c8d9e0-1f2a-4b3c-8d4e-5f6a7b8c9d0e"

_SUBSCRIPTION = {
    "channel_pattern": f"/api/pub/v1/orgs/{_ORGANIZATION}/channels/*/messages",
    "is_additions_subscribed": True,
    "is_changes_subscribed": True,
    "is_removals_subscribed": True,
}

_BODY = {"endpoint_url": "https://hooks.example.com/conference", "channel_subscriptions": [_SUBSCRIPTION]}

_WEBHOOK_ANSWER = {
    "id": _WEBHOOK,
    "organization_id": _ORGANIZATION,
    "user_id": None,
    "audience": "organization",
    **_BODY,
    "is_enabled": True,
    "disabled_because": None,
    "created_at": "2026-11-28T13:30:00.000000Z",
    "updated_at": "2026-11-28T13:30:00.000000Z",
    "last_event_id": 4711,
    "retry_index": 0,
    "next_attempt_at": None,
    "missed_events": None,
}

_DELIVERY = {
    "id": "1a2b3c4d-5e6f-4a7b-8c9d-0e1f2a3b4c5d",
    "webhook_id": _WEBHOOK,
    "event_id": 4711,
    "status": "successful",
    "retry_index": 0,
    "is_requested": False,
    "created_at": "2026-11-28T14:05:12.104518Z",
    "next_attempt_at": None,
    "started_at": "2026-11-28T14:05:12.104518Z",
    "duration": 0.084,
    "response_status": 200,
    "response_body": "ok",
    "error": None,
}

WEBHOOK_EXAMPLES: Mapping[type[BaseModel], Any] = {
    schemas.WebhookBody: _BODY,
    schemas.WebhookReplacement: _BODY,
    schemas.WebhookChanges: {"is_enabled": True},
    schemas.ReplayBody: {"since": 4700},
    schemas.WebhookAnswer: _WEBHOOK_ANSWER,
    schemas.SecretWebhookAnswer: {
        **_WEBHOOK_ANSWER,
        "secret": "whsec_QmFzZTY0IG9mIDMyIHJhbmRvbSBieXRlcyBvZiB0aGU=",
    },
    schemas.WebhookPage: {"next": None, "previous": None, "results": [_WEBHOOK_ANSWER]},
    schemas.DeliveryAnswer: _DELIVERY,
    schemas.DeliveryPage: {"next": None, "previous": None, "results": [_DELIVERY]},
}
"""Models of bodies and answers, with an example each."""
