"""Cloudflare's two kinds of webhook. Each only triggers a read of the state: its content is not trusted."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, Protocol

import structlog
from aiohttp import web

from providers.base import InputUid, ProviderError
from providers.cloudflare import mapping
from providers.cloudflare.config import CloudflareConfig

log = structlog.get_logger(__name__)

MAX_BODY = 64 * 1024
"""Bytes; a video object is about 2 kB."""

TOLERANCE = timedelta(minutes=5)
"""How far a signature's time may be off. Cloudflare leaves it to us; this is the customary value."""

_SIGNATURE = re.compile(r"time=(\d{1,12}),sig1=([0-9a-f]{64})")
_ERROR_CODE = re.compile(r"ERR_[A-Z_]{1,60}")


class _Rejected(Exception):
    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


class WebhookReceiver(Protocol):
    """Receiver of the webhooks: the provider."""

    @property
    def config(self) -> CloudflareConfig:
        """For `live_webhook_secret`."""

    @property
    def clock(self) -> Callable[[], datetime]:
        """The time of day."""

    async def webhook_secret(self, *, again: bool = False) -> str | None:
        """Return the secret of the Stream webhook; `again` reads it again if that is due."""

    def input_changed(self, uid: InputUid, encoder_error: str | None = None) -> None:
        """Read the state of the input again."""

    def recording_changed(self, input_uid: InputUid, uid: str) -> None:
        """Read the recording of the input again."""


def routes(receiver: WebhookReceiver) -> list[web.RouteDef]:
    """POST /webhooks/cloudflare/live (notifications) and /webhooks/cloudflare/video (the Stream webhook).

    204 when accepted, else 400, 401 or 413 with {"detail": …}.
    """

    async def live(request: web.Request) -> web.Response:
        _handle_live(receiver, request.headers.get("cf-webhook-auth", ""), await _body(request))
        return web.Response(status=204)

    async def video(request: web.Request) -> web.Response:
        await _handle_video(receiver, request.headers.get("Webhook-Signature", ""), await _body(request))
        return web.Response(status=204)

    return [
        web.post("/webhooks/cloudflare/live", _answering(live)),
        web.post("/webhooks/cloudflare/video", _answering(video)),
    ]


def signature_is_good(secret: str, header: str, body: bytes, now: datetime) -> bool:
    """Return whether `Webhook-Signature` is HMAC-SHA256 of "<time>.<body>" with `secret`, and its time near `now`."""
    found = _SIGNATURE.fullmatch(header.strip())
    if found is None or abs(now.timestamp() - int(found[1])) > TOLERANCE.total_seconds():
        return False
    expected = hmac.new(secret.encode(), f"{found[1]}.".encode() + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, found[2])


def _answering(
    handler: Callable[[web.Request], Awaitable[web.Response]],
) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(request: web.Request) -> web.Response:
        try:
            return await handler(request)
        except _Rejected as rejected:
            return web.json_response({"detail": rejected.detail}, status=rejected.status)

    return answer


async def _body(request: web.Request) -> bytes:
    raw = bytearray()
    async for chunk in request.content.iter_chunked(MAX_BODY):
        raw += chunk
        if len(raw) > MAX_BODY:
            raise _Rejected(413, f"At most {MAX_BODY} bytes.")
    return bytes(raw)


def _handle_live(receiver: WebhookReceiver, secret: str, body: bytes) -> None:
    expected = receiver.config.live_webhook_secret
    if not expected or not hmac.compare_digest(secret.encode(errors="surrogateescape"), expected.encode()):
        raise _Rejected(401, "The secret is missing or wrong.")
    data = _object(body).get("data")
    if not isinstance(data, dict) or data.get("event_type") is None:
        return  # the test that saving the destination sends
    event, uid = data["event_type"], data.get("input_id")
    if not isinstance(event, str) or not mapping.is_uid(uid):
        raise _Rejected(400, "data: event_type and input_id are needed.")
    code = _encoder_error(data) if event == "live_input.errored" else None
    log.info("cloudflare live input event received", event_type=event[:40], input=uid, encoder_error=code)
    receiver.input_changed(InputUid(str(uid)), code)


async def _handle_video(receiver: WebhookReceiver, header: str, body: bytes) -> None:
    if not await _is_signed(receiver, header, body):
        raise _Rejected(401, "The signature is missing, wrong or too old.")
    video = _object(body)
    uid, input_uid = video.get("uid"), video.get("liveInput")
    if not mapping.is_uid(uid):
        raise _Rejected(400, "uid: a video's uid is needed.")
    if mapping.is_uid(input_uid):  # an uploaded video is not ours
        receiver.recording_changed(InputUid(str(input_uid)), str(uid))


async def _is_signed(receiver: WebhookReceiver, header: str, body: bytes) -> bool:
    """Return whether the signature is valid. Only a plausible, fresh one requests the secret, and rarely (`webhook_secret`)."""
    if _SIGNATURE.fullmatch(header.strip()) is None:
        return False
    for again in (False, True):
        try:
            secret = await receiver.webhook_secret(again=again)
        except ProviderError:
            return False
        if secret and signature_is_good(secret, header, body, receiver.clock()):
            return True
    return False


def _encoder_error(data: dict[str, Any]) -> str | None:
    """Return the code of an errored event in our notation: ERR_GOP_OUT_OF_RANGE is gop_out_of_range."""
    errored = data.get("live_input_errored")
    error = errored.get("error") if isinstance(errored, dict) else None
    code = error.get("code") if isinstance(error, dict) else None
    return code[4:].lower() if isinstance(code, str) and _ERROR_CODE.fullmatch(code) else None


def _object(body: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(body)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        raise _Rejected(400, "A JSON object is needed.")
    return parsed
