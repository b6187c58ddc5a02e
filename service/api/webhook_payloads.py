"""The bodies that webhooks send: the change message of the real-time API, with the event's id and time."""

from __future__ import annotations

import json
from typing import Any

from service.api.webhooks import WEBHOOK
from service.domain.events.event import Event
from service.domain.webhooks.turn import Payloads
from service.domain.webhooks.webhook import Delivery, Webhook
from service.http.fields import show_time


def _event(event: Event) -> str:
    message: dict[str, Any] = {
        "id": event.id,
        "created_at": show_time(event.created_at),
        "channel": event.channel,
        "action": event.action.value,
        "resource_id": event.resource_id,
    }
    return _text(message if event.resource is None else {**message, "resource": event.resource})


def _ping(webhook: Webhook, delivery: Delivery) -> str:
    path = WEBHOOK.format(organization_id=webhook.organization_id, webhook_id=webhook.id)
    at = show_time(delivery.created_at)
    return _text({"id": None, "created_at": at, "channel": path, "action": "ping", "resource_id": str(webhook.id)})


def _text(message: dict[str, Any]) -> str:
    return json.dumps(message, ensure_ascii=False, separators=(",", ":"))


PAYLOADS = Payloads(_event, _ping)
