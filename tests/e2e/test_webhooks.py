"""Deliveries of webhooks through restarts and kills of the whole service."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest

from service.domain.webhooks.limits import DeliveryLimits
from service.store import Store
from tests import servers
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


async def test_every_change_arrives_once_through_restarts_of_service_redis_and_database(
    tmp_path: Path, postgres_server: servers.PostgresServer, postgres_url: str, redis_server: servers.RedisServer
) -> None:
    """A script of changes; meanwhile each part is stopped or killed. The log is what should have arrived."""
    settings = {**LOOPBACK, "DATABASE_URL": postgres_url, "REDIS_URL": redis_server.url}
    async with service(tmp_path, **settings) as own, receiving() as receiver:
        await own.make_manager()
        await own.api(
            "POST", "webhooks", {"endpoint_url": receiver.url, "channel_subscriptions": [{"channel_pattern": "/**"}]}
        )
        channel = (await own.api("POST", "channels", {"name": "Kitchen"}))["id"]

        async def restart_database() -> None:
            await asyncio.to_thread(postgres_server.stop)
            await asyncio.to_thread(postgres_server.start)

        async def restart_redis() -> None:
            await asyncio.to_thread(redis_server.stop)
            await asyncio.to_thread(redis_server.start)

        async def kill() -> None:
            await own.kill()
            await own.start()

        async def restart() -> None:
            await own.stop()
            await own.start()

        for mishap in (restart_database, restart_redis, kill, restart_database, restart, restart_redis):
            for _ in range(15):
                await say(own, channel)
            await mishap()
        last = await say(own, channel)

        async with asyncio.timeout(DeliveryLimits().lease + 2 * PATIENCE):
            while not any(each.message["resource_id"] == last for each in receiver.received):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        store = Store(postgres_url)
        try:
            log = await store.events.events(uuid.UUID(own.organization), 0, 10_000)
        finally:
            await store.aclose()
        wanted = [each.id for each in log if "{" not in each.channel]
        first = wanted.index(receiver.received[0].message["id"])
        arrived = list(dict.fromkeys(each.message["id"] for each in receiver.received))
        assert arrived == wanted[first : first + len(arrived)]
        assert sum(1 for each in log if each.channel.endswith("/messages")) == 6 * 15 + 1
        assert {each.id for each in receiver.received} == {f"{own.organization}_{id_}" for id_ in arrived}


async def say(own: Service, channel: str) -> str:
    """Post a message, again and again with the same id while the service or its database is unavailable."""
    body = {"id": str(uuid.uuid4()), "body": {"version": 3, "chunks": []}}
    async with asyncio.timeout(PATIENCE):
        while True:
            with suppress(aiohttp.ClientError, AssertionError):
                return str((await own.api("POST", f"channels/{channel}/messages", body))["id"])
            await asyncio.sleep(0.1)
