"""Deliveries of webhooks through restarts and kills of the whole service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from service.domain.webhooks.limits import DeliveryLimits
from tests.e2e.service import Service, service
from tests.receiver import Receiver, answer, hang, receiving
from tests.waiting import PATIENCE, until

pytestmark = pytest.mark.e2e

LOOPBACK = {"OUTGOING_NETWORKS": "127.0.0.0/8", "OUTGOING_HTTP": "true"}


@pytest.fixture
async def own(tmp_path: Path) -> AsyncIterator[Service]:
    """Yield a service for this test alone, whose user is a manager, and that may call receivers on this computer."""
    async with service(tmp_path, **LOOPBACK) as running:
        await running.make_manager()
        yield running


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as opened:
        yield opened


async def test_a_killed_service_delivers_what_it_had_begun(own: Service, receiver: Receiver) -> None:
    webhook = await own.api(
        "POST", "webhooks", {"endpoint_url": receiver.url, "channel_subscriptions": [{"channel_pattern": "/**"}]}
    )
    channel = (await own.api("POST", "channels", {"name": "Kitchen"}))["id"]
    receiver.behaviour = hang
    said = [
        await own.api("POST", f"channels/{channel}/messages", {"body": {"version": 3, "chunks": []}}) for _ in range(3)
    ]
    await until(lambda: bool(receiver.received))
    await own.kill()
    await receiver.stop()
    receiver.behaviour = answer
    await receiver.start()
    await own.start()

    def arrived() -> list[str]:
        ids = dict.fromkeys(each.message["resource_id"] for each in receiver.received)
        return [each for each in ids if each in {message["id"] for message in said}]

    async with asyncio.timeout(DeliveryLimits().lease + PATIENCE):
        while len(arrived()) < 3:  # noqa: ASYNC110 - another process is waited for
            await asyncio.sleep(0.05)
    assert arrived() == [each["id"] for each in said]
    log = own.server.log.read_text()
    assert "not-for-logs" not in log and webhook["secret"] not in log
