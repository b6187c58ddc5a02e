"""Two nodes on one database: a change on one is sent by the other, with the bus and without it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest
from aiohttp.test_utils import TestClient, TestServer

from providers.memory import MemoryProvider
from service.api.changes import describe
from service.attachment_files import DiskAttachmentFiles
from service.concurrency.tasks import Tasks
from service.events.redis_bus import RedisBus
from service.outgoing.client import OutgoingClient
from service.store import Store
from service.viewers.memory import MemoryViewers
from service.wiring.api import build_app
from service.wiring.domain import Conference, assembled
from service.wiring.ports import Ports
from tests.api.conftest import MEETING_SIGNER
from tests.api.people import words
from tests.api.realtime import socket_of
from tests.servers import RedisServer
from tests.waiting import PATIENCE


@asynccontextmanager
async def node(
    url: str, redis: str, tasks: Tasks, outgoing: OutgoingClient, files: DiskAttachmentFiles
) -> AsyncIterator[tuple[TestClient, Conference]]:  # type: ignore[type-arg]
    store, bus = Store(url, describe), RedisBus(redis, spawn=tasks.spawn)
    viewers = MemoryViewers(digest_key=bytes(16))
    ports = Ports(store, viewers, MemoryProvider(), MEETING_SIGNER, tasks.spawn, bus, outgoing=outgoing, files=files)
    try:
        async with assembled(ports) as conference, TestClient(TestServer(build_app(conference.api))) as client:
            async with asyncio.timeout(PATIENCE):
                await bus.subscribed.wait()
            yield client, conference
            await conference.realtime.aclose()
    finally:
        await bus.aclose()
        await store.aclose()


@pytest.mark.parametrize("has_redis", [True, False], ids=["with Redis", "while Redis is unavailable"])
async def test_a_change_on_one_node_is_sent_and_replayed_by_the_other(
    migrated_postgresql: str,
    redis_server: RedisServer,
    tasks: Tasks,
    outgoing: OutgoingClient,
    files: DiskAttachmentFiles,
    has_redis: bool,
) -> None:
    parts = (migrated_postgresql, redis_server.url, tasks, outgoing, files)
    async with node(*parts) as (here, first), node(*parts) as (there, _):
        organization, user = uuid4(), uuid4()
        token = (await first.accounts.create_token(organization, user)).secret
        headers, base = {"Authorization": f"Token {token}"}, f"/api/pub/v1/orgs/{organization}/channels"
        async with here.post(base, json={"name": "News"}, headers=headers) as response:
            path = f"{base}/{(await response.json())['id']}/messages"

        async def say(text: str) -> str:
            async with here.post(path, json={"body": words(text)}, headers=headers) as response:
                return str((await response.json())["id"])

        if not has_redis:
            await asyncio.to_thread(redis_server.stop)
        try:
            async with socket_of(there) as socket:
                since = await socket.subscribed(path, token)
                first_message = await say("first")
                assert (await socket.change())["resource_id"] == first_message
            for client in (here, there):
                async with socket_of(client) as socket:
                    await socket.subscribed(path, token, since=since)
                    assert (await socket.change())["resource_id"] == first_message
        finally:
            if not has_redis:
                await asyncio.to_thread(redis_server.start)
