"""Two nodes of the local provider on one PostgreSQL and one Redis, with encoders over RTMP."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from providers.base import EventKind, InputOptions, InputRequest, LiveInput, Phase, ProviderEvent
from providers.local.config import LocalConfig
from providers.local.flv.tag import TagKind
from providers.local.ownership.keeper import NodeName
from providers.local.playback.forward import HOP
from providers.local.provider import LocalProvider
from providers.local.storage.storage import StorageLimits
from providers.local.transcoder.renditions import parse_renditions
from service.concurrency.tasks import Tasks
from service.events.redis_exchange import RedisExchange
from service.store import Store
from service.store.ownership import StoredOwnership
from tests.servers import RedisServer, free_port
from tests.serving import serving
from tests.unit.providers.local.ingest.clients import Client
from tests.unit.providers.local.packager.tags import stream
from tests.waiting import PATIENCE, until

DEAD_AFTER = 60.0
"""Seconds: on a busy machine, no node of these tests may die by itself."""


@dataclass
class Node:
    """A node and the events that it reported."""

    provider: LocalProvider
    exchange: RedisExchange
    origin: str
    events: list[ProviderEvent] = field(default_factory=list)

    async def publishing(self, live: LiveInput) -> Client:
        """Return an encoder that publishes here, as soon as this node accepts it."""
        async with asyncio.timeout(PATIENCE):
            while True:
                client, (level, _) = await self.encoder(live)
                if level == "status":
                    return client
                await client.close()

    async def encoder(self, live: LiveInput) -> tuple[Client, tuple[str, str]]:
        """Return an encoder that wants to publish here, and the last status that it was sent."""
        client = await Client.to_input(await self.provider.get_input(live.uid))
        client.publish(live.stream_key)
        return client, (await client.read_statuses())[-1]

    async def reaches(self, live: LiveInput, phase: Phase, *, degraded: bool = False) -> None:
        """Return when this node answers with the phase."""
        async with asyncio.timeout(PATIENCE):
            while True:
                state = await self.provider.state(live.uid)
                if (state.phase, state.degraded) == (phase, degraded):
                    return
                await asyncio.sleep(0.01)


async def until_async(
    ask: Callable[[], Awaitable[tuple[int, str | None, bytes]]],
    enough: Callable[[tuple[int, str | None, bytes]], bool],
) -> None:
    """Ask until the answer is good enough."""
    async with asyncio.timeout(PATIENCE):
        while True:
            if enough(await ask()):
                return
            await asyncio.sleep(0.02)


def send(client: Client) -> None:
    """Send two seconds of media."""
    client.send(client.encoder.metadata())
    for tag in stream(2.1):
        write = client.encoder.video if tag.kind is TagKind.VIDEO else client.encoder.audio
        client.send(write(tag.timestamp, tag.payload))


@pytest.fixture
async def nodes(
    migrated_postgresql: str, redis_server: RedisServer, tmp_path: Path, tasks: Tasks
) -> AsyncIterator[tuple[Node, Node]]:
    async with AsyncExitStack() as stack:
        made = []
        for name in ("a", "b"):
            (tmp_path / name).mkdir()
            store = Store(migrated_postgresql)
            stack.push_async_callback(store.aclose)
            exchange = RedisExchange(redis_server.url, spawn=tasks.spawn)
            stack.push_async_callback(exchange.aclose)
            provider = LocalProvider(
                LocalConfig(
                    directory=tmp_path / name,
                    public_url="http://127.0.0.1:1",
                    public_rtmp_host="127.0.0.1",
                    rtmp_host="127.0.0.1",
                    rtmp_port=0,
                    rtmps_port=0,
                    tls=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER),
                    renditions=parse_renditions("source"),
                    max_transcodes=0,
                    storage_limits=StorageLimits(min_free=0),
                ),
                store.local_inputs,
                tasks.spawn,
                ownership=StoredOwnership(store.database, DEAD_AFTER),
                exchange=exchange,
                node=NodeName(name, f"http://127.0.0.1:{(port := free_port())}", "the key of the nodes"),
            )
            app = web.Application()
            app.add_routes(provider.routes())
            node = Node(provider, exchange, await stack.enter_async_context(serving(app, port)))
            provider.listen(node.events.append)
            stack.push_async_callback(provider.aclose)
            await provider.start()
            await exchange.subscribed.wait()
            made.append(node)
        for node in made:
            await node.provider._claims.renew()  # and so learn of each other at once
        yield made[0], made[1]


async def test_a_broadcast_at_one_node_is_known_and_controlled_at_the_other(nodes: tuple[Node, Node]) -> None:
    here, there = nodes
    live = await there.provider.ensure_input(InputRequest("a" * 32, "channel", "Show"))
    client = await here.publishing(live)
    send(client)
    await there.reaches(live, Phase.LIVE)
    assert there.provider.on_air() == {live.uid: Phase.LIVE}
    assert there.provider.is_elsewhere(live.uid) and not here.provider.is_elsewhere(live.uid)
    assert [each.kind for each in there.events if not each.elsewhere] == []
    assert EventKind.WATCHABLE in [each.kind for each in there.events]
    second, (level, _) = await there.encoder(live)
    assert level == "error"
    await second.close()
    await there.provider.set_enabled(live.uid, False)
    await client.read_to_end()
    await client.close()
    for node in nodes:
        await node.reaches(live, Phase.ENDED if node is here else Phase.OFFLINE)


async def test_players_of_any_node_are_served(nodes: tuple[Node, Node]) -> None:
    here, there = nodes
    live = await here.provider.ensure_input(InputRequest("a" * 32, "channel", "Show"))
    client = await here.publishing(live)
    send(client)
    await there.reaches(live, Phase.LIVE)
    async with aiohttp.ClientSession() as http:

        async def fetch(origin: str, path: str, **headers: str) -> tuple[int, str | None, bytes]:
            async with http.get(origin + path, headers=headers) as response:
                return response.status, response.headers.get("Cache-Control"), await response.read()

        path = f"/{live.uid}/manifest/video.m3u8"
        await until_async(lambda: fetch(there.origin, path), lambda got: got[0] == 200)
        status, _, multivariant = await fetch(there.origin, path)
        assert (status, multivariant) == (200, (await fetch(here.origin, path))[2])
        playlist = re.findall(rb"^\.\./\.\./(\S+\.m3u8)", multivariant, re.MULTILINE)[0].decode()
        status, _, text = await fetch(there.origin, f"/{playlist}")
        assert status == 200
        media = re.findall(rb'URI="\.\./(segments/\S+-init-0\.mp4)"', text)[0].decode()
        own, forwarded = [await fetch(node.origin, f"/{playlist.split('/')[0]}/{media}") for node in nodes]
        assert own == forwarded and "immutable" in str(own[1])
        status, _, part = await fetch(there.origin, f"/{playlist.split('/')[0]}/{media}", Range="bytes=4-7")
        assert (status, part) == (206, b"ftyp")
        # A request from another node is not sent on again.
        status, _, _ = await fetch(there.origin, path, **{HOP: "the key of the nodes"})
        assert status == 404
    await client.close()


async def test_an_encoder_that_was_dropped_continues_at_the_other_node(nodes: tuple[Node, Node]) -> None:
    here, there = nodes
    live = await here.provider.ensure_input(InputRequest("a" * 32, "channel", "Show", InputOptions()))
    client = await here.publishing(live)
    send(client)
    await there.reaches(live, Phase.LIVE)
    await client.close()
    await there.reaches(live, Phase.RECONNECTING)
    client = await there.publishing(live)
    send(client)
    await here.provider._claims.renew()  # and so learn that the other has taken over
    for node in nodes:
        await node.reaches(live, Phase.LIVE)
    await until(lambda: there.provider.is_elsewhere(live.uid) is False and here.provider.is_elsewhere(live.uid))
    await client.close()


async def test_without_redis_the_other_node_has_the_last_stored_state(
    nodes: tuple[Node, Node], redis_server: RedisServer
) -> None:
    here, there = nodes
    live = await here.provider.ensure_input(InputRequest("a" * 32, "channel", "Show"))
    client = await here.publishing(live)
    redis_server.stop()
    send(client)
    await there.reaches(live, Phase.LIVE, degraded=True)
    redis_server.start()
    await there.reaches(live, Phase.LIVE)
    await client.close()
