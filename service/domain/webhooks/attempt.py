"""One signed request to the endpoint of a webhook."""

from __future__ import annotations

from service.clock import Clock
from service.domain.outgoing import CallFailed, Outgoing
from service.domain.webhooks.limits import SHOWN_ANSWER
from service.domain.webhooks.signature import signed_headers
from service.domain.webhooks.webhook import DeliveryStatus, Outcome, Webhook

GONE = 410
"""The status by which an endpoint ends its webhook (RFC 9110 §15.5.11)."""


async def attempt(outgoing: Outgoing, webhook: Webhook, id_: str, body: str, timeout: float, clock: Clock) -> Outcome:
    """Send a body with the `webhook-id` `id_`, and return the result.

    It is a success if the answer is complete and has a status from 200 to 299.
    """
    now = clock.now()
    headers = signed_headers(id_, body, webhook.secrets(now), now)
    began = clock.monotonic()
    try:
        answer = await outgoing.post(webhook.endpoint_url, body.encode(), headers, timeout)
    except CallFailed as failed:
        return Outcome(DeliveryStatus.FAILED, clock.now(), clock.monotonic() - began, error=failed.reason)
    status = DeliveryStatus.SUCCESSFUL if answer.is_success else DeliveryStatus.FAILED
    error = None if answer.is_success else f"The endpoint answered with status {answer.status}."
    return Outcome(status, clock.now(), clock.monotonic() - began, answer.status, _shown(answer.body), error)


def _shown(body: bytes) -> str:
    """Return the beginning of an answer as text. PostgreSQL stores no NUL."""
    return body[:SHOWN_ANSWER].decode(errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
