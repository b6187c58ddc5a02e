"""Two nodes of the local provider on one PostgreSQL and one Redis, with encoders over RTMP."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from providers.base import EventKind, InputOptions, InputRequest, LiveInput, Phase, ProviderEvent
from providers.local.config import LocalConfig
from providers.local.flv.tag import TagKind
from providers.local.ownership.keeper import NodeName
from providers.local.provider import LocalProvider
from providers.local.storage.storage import StorageLimits
from providers.local.transcoder.renditions import parse_renditions
from service.concurrency.tasks import Tasks
from service.events.redis_exchange import RedisExchange
from service.store import Store
from tests.servers import RedisServer
from tests.unit.providers.local.ingest.clients import Client
from tests.unit.providers.local.packager.tags import stream
from tests.waiting import PATIENCE, until


@dataclass
class Node:
    """A node and the events that it reported."""

    provider: LocalProvider
    exchange: RedisExchange
    events: list[ProviderEvent] = field(default_factory=list)

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
                ownership=store.ownership,
                exchange=exchange,
                node=NodeName(name),
            )
            node = Node(provider, exchange)
            provider.listen(node.events.append)
            stack.push_async_callback(provider.aclose)
            await provider.start()
            await exchange.subscribed.wait()
            made.append(node)
        yield made[0], made[1]


async def test_a_broadcast_at_one_node_is_known_and_controlled_at_the_other(nodes: tuple[Node, Node]) -> None:
    here, there = nodes
    live = await there.provider.ensure_input(InputRequest("a" * 32, "channel", "Show"))
    client, (level, _) = await here.encoder(live)
    assert level == "status"
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


async def test_an_encoder_that_was_dropped_continues_at_the_other_node(nodes: tuple[Node, Node]) -> None:
    here, there = nodes
    live = await here.provider.ensure_input(InputRequest("a" * 32, "channel", "Show", InputOptions()))
    client, _ = await here.encoder(live)
    send(client)
    await there.reaches(live, Phase.LIVE)
    await client.close()
    await there.reaches(live, Phase.RECONNECTING)
    async with asyncio.timeout(PATIENCE):
        while True:
            client, (level, _) = await there.encoder(live)
            if level == "status":
                break
            await client.close()
    send(client)
    for node in nodes:
        await node.reaches(live, Phase.LIVE)
    await until(lambda: there.provider.is_elsewhere(live.uid) is False and here.provider.is_elsewhere(live.uid))
    await client.close()


async def test_without_redis_the_other_node_has_the_last_stored_state(
    nodes: tuple[Node, Node], redis_server: RedisServer
) -> None:
    here, there = nodes
    live = await here.provider.ensure_input(InputRequest("a" * 32, "channel", "Show"))
    client, _ = await here.encoder(live)
    redis_server.stop()
    send(client)
    await there.reaches(live, Phase.LIVE, degraded=True)
    redis_server.start()
    await there.reaches(live, Phase.LIVE)
    await client.close()
