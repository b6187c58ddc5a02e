"""Signed requests of webhooks (Standard Webhooks 1.0): headers `webhook-id`, `webhook-timestamp` and `webhook-signature`."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from standardwebhooks import Webhook as Signer

from service.domain.webhooks.limits import SECRET_BYTES

PREFIX = "whsec_"
"""Of a secret, by which scanners recognize one that leaked."""


def new_secret() -> str:
    """Return a new signing secret."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def message_id(organization_id: UUID, event_id: int) -> str:
    """Return the `webhook-id` of an event. It is the same at every attempt, and for every webhook of the organization."""
    return f"{organization_id}_{event_id}"


def ping_id(delivery_id: UUID) -> str:
    """Return the `webhook-id` of a ping."""
    return f"ping_{delivery_id}"


def signed_headers(id_: str, body: str, keys: Sequence[str], now: datetime) -> dict[str, str]:
    """Return the headers of a request. It has one signature for each secret, separated by spaces."""
    at = now.astimezone(UTC)
    return {
        "Content-Type": "application/json",
        "Accept": "*/*",
        "webhook-id": id_,
        # Signed with the body: receivers refuse an old one, so that a recorded request cannot be sent again.
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(Signer(key).sign(id_, at, body) for key in keys),
    }
