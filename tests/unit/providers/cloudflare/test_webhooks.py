"""Webhooks wake the provider up, and only those Cloudflare sent."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from providers.cloudflare.config import CloudflareConfig
from providers.cloudflare.provider import CloudflareProvider
from providers.cloudflare.webhooks import MAX_BODY, routes, signature_is_good
from service.concurrency.tasks import Tasks

LIVE_SECRET = "s3cret"
SECRET = "85011ed3a913c6ad5f9cf6c5573cc0a7"
BODY = b'{"uid":"6b9e68b07dfee8cc2d116e4c51d6a957","readyToStream":true}'
SIGNATURE = "baf8b35ee3c62e48ad7217a648ab1dbaa8ff5d589bd99b023bf821f86cf27f24"
SIGNED_AT = datetime.fromtimestamp(1230811200, UTC)
UID = "eb222fcca08eeb1ae84c981ebe8aeeb6"

Client = TestClient[web.Request, web.Application]


@pytest.fixture
def woken() -> list[str]:
    return []


@pytest.fixture
async def client(tasks: Tasks, woken: list[str], monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Client]:
    config = CloudflareConfig("a" * 32, "token", live_webhook_secret=LIVE_SECRET, video_webhook_secret=SECRET)
    provider = CloudflareProvider(config, tasks.spawn, clock=lambda: SIGNED_AT)
    monkeypatch.setattr(provider.states, "wake", lambda uid: woken.append(uid))
    monkeypatch.setattr(provider.states, "encoder_error", lambda uid, code: woken.append(f"{uid} {code}"))
    monkeypatch.setattr(provider.states, "recorded", lambda uid, video: woken.append(f"{uid} {video}"))
    app = web.Application()
    app.add_routes(routes(provider))
    async with TestClient(TestServer(app)) as client:
        yield client


async def live(client: Client, body: Any, secret: str | None = LIVE_SECRET) -> aiohttp.ClientResponse:
    headers = {} if secret is None else {"cf-webhook-auth": secret}
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return await client.post("/webhooks/cloudflare/live", data=data, headers=headers)


async def video(client: Client, body: bytes, header: str | None = None) -> aiohttp.ClientResponse:
    digest = hmac.new(SECRET.encode(), b"1230811200." + body, hashlib.sha256).hexdigest()
    header = f"time=1230811200,sig1={digest}" if header is None else header
    return await client.post("/webhooks/cloudflare/video", data=body, headers={"Webhook-Signature": header})


def event(kind: str, **more: object) -> dict[str, Any]:
    updated = "2022-01-13T11:43:41.855717910Z"
    return {"name": "x", "data": {"event_type": kind, "input_id": UID, "updated_at": updated, **more}, "ts": 1642074233}


def test_the_contracts_vector_is_accepted() -> None:
    assert signature_is_good(SECRET, f"time=1230811200,sig1={SIGNATURE}", BODY, SIGNED_AT)


@pytest.mark.parametrize(("seconds", "good"), [(-301, False), (-300, True), (300, True), (301, False)])
def test_a_signature_is_good_for_five_minutes(seconds: int, good: bool) -> None:
    now = SIGNED_AT + timedelta(seconds=seconds)
    assert signature_is_good(SECRET, f"time=1230811200,sig1={SIGNATURE}", BODY, now) is good


@pytest.mark.parametrize(
    "header", ["", "time=1230811200", f"sig1={SIGNATURE}", "time=x,sig1=y", f"time=1230811201,sig1={SIGNATURE}"]
)
def test_a_bent_signature_is_bad(header: str) -> None:
    assert not signature_is_good(SECRET, header, BODY, SIGNED_AT)


async def test_a_live_event_wakes_its_input(client: Client, woken: list[str]) -> None:
    assert (await live(client, event("live_input.connected"))).status == 204
    assert woken == [UID]


async def test_an_errored_event_has_the_error_code(client: Client, woken: list[str]) -> None:
    errored = {"error": {"code": "ERR_GOP_OUT_OF_RANGE", "message": "…"}, "video_codec": "", "audio_codec": ""}
    await live(client, event("live_input.errored", live_input_errored=errored))
    assert woken == [f"{UID} gop_out_of_range"]


async def test_the_test_of_a_new_destination_is_answered(client: Client, woken: list[str]) -> None:
    assert (await live(client, {"text": "Hello World!"})).status == 204
    assert woken == []


@pytest.mark.parametrize("secret", [None, "", "wrong", "ß"])
async def test_a_live_event_without_the_secret_is_refused(client: Client, woken: list[str], secret: str | None) -> None:
    refused = await live(client, event("live_input.connected"), secret)
    assert refused.status == 401
    assert set(await refused.json()) == {"detail"}
    assert woken == []


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"\xff",
        {"data": {"event_type": 3, "input_id": UID}},
        {"data": {"event_type": "x", "input_id": "../x"}},
    ],
)
async def test_a_live_event_that_is_none_is_refused(client: Client, woken: list[str], body: Any) -> None:
    assert (await live(client, body)).status == 400
    assert woken == []


async def test_a_body_too_large_is_refused(client: Client) -> None:
    assert (await live(client, b" " * (MAX_BODY + 1))).status == 413


async def test_a_signed_video_webhook_is_accepted(client: Client, woken: list[str]) -> None:
    body = json.dumps({"uid": "6b9e68b07dfee8cc2d116e4c51d6a957", "liveInput": UID}).encode()
    assert (await video(client, body)).status == 204
    assert woken == [f"{UID} 6b9e68b07dfee8cc2d116e4c51d6a957"]


async def test_an_uploaded_video_is_ignored(client: Client, woken: list[str]) -> None:
    assert (await video(client, BODY)).status == 204
    assert woken == []


@pytest.mark.parametrize("header", ["", f"time=1230811200,sig1={'0' * 64}", "nonsense"])
async def test_an_unsigned_video_is_refused(client: Client, woken: list[str], header: str) -> None:
    assert (await video(client, BODY, header)).status == 401
    assert woken == []


async def test_a_secret_of_bytes_that_are_no_text_is_refused(client: Client) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
    writer.write(
        b"POST /webhooks/cloudflare/live HTTP/1.1\r\nHost: a\r\ncf-webhook-auth: \xff\r\nContent-Length: 0\r\n\r\n"
    )
    assert (await reader.readline()).split()[1] == b"401"
    writer.close()
