"""Delivery of the two kinds of webhook: each is sent once, in order. Retries are not documented."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import aiohttp
import structlog

from providers.cloudflare.fake import shapes
from providers.cloudflare.fake.broadcast import Notice
from providers.cloudflare.fake.server_state import ServerState

log = structlog.get_logger(__name__)

SEND_TIMEOUT = aiohttp.ClientTimeout(total=2)
"""A receiver that is slower loses the webhook."""


async def flush(server: ServerState) -> None:
    """Send pending webhooks."""
    notices, server.outbox[:] = list(server.outbox), []
    for notice in notices:
        await (_send_video(server, notice) if notice.event == "video" else _send_live(server, notice))


async def send_test(server: ServerState) -> int | None:
    """Send the test POST for a new notification destination. Return the receiver's status, None without an answer."""
    return await _post_live(server, {"text": "Hello World! This is a test message sent from the fake."})


def sign(secret: str, body: bytes, unix_seconds: int) -> str:
    """Return the value of `Webhook-Signature` for `body`."""
    digest = hmac.new(secret.encode(), f"{unix_seconds}.".encode() + body, hashlib.sha256).hexdigest()
    return f"time={unix_seconds},sig1={digest}"


async def _send_live(server: ServerState, notice: Notice) -> None:
    at = shapes.timestamp(notice.at).replace("Z", "000Z")
    data: dict[str, Any] = {
        "notification_name": "Stream Live Input",
        "input_id": notice.uid,
        "event_type": notice.event,
        "updated_at": at,
    }
    if notice.error is not None:
        data["live_input_errored"] = notice.error
    lines = (
        "Notification type: Stream Live Input",
        f"Input ID: {notice.uid}",
        f"Event type: {notice.event}",
        f"Updated at: {at}",
    )
    await _post_live(
        server,
        {
            "name": "Live webhook",
            "text": "\n".join(lines),
            "data": data,
            "ts": int(notice.at.timestamp()),
            "account_id": server.config.account_id,
            "alert_type": "stream_live_notifications",
        },
    )


async def _post_live(server: ServerState, body: dict[str, Any]) -> int | None:
    if server.live_webhook is None:
        return None
    url, secret = server.live_webhook
    return await _post(server, url, json.dumps(body).encode(), {"cf-webhook-auth": secret})


async def _send_video(server: ServerState, notice: Notice) -> None:
    video, webhook = server.state.videos.get(notice.uid), server.state.webhook
    if video is None or webhook is None:
        return
    body = json.dumps(shapes.video(video, server.base)).encode()
    signature = sign(webhook.secret, body, int(server.clock.now().timestamp()))
    await _post(server, webhook.url, body, {"Webhook-Signature": signature})


async def _post(server: ServerState, url: str, body: bytes, headers: dict[str, str]) -> int | None:
    if server.http is None:
        return None
    headers = {"Content-Type": "application/json", **headers}
    try:
        async with server.http.post(url, data=body, headers=headers, timeout=SEND_TIMEOUT) as answer:
            return answer.status
    except (aiohttp.ClientError, TimeoutError) as failure:
        log.warning("webhook not delivered", url=url, failure=type(failure).__name__)
        return None
