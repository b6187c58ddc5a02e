"""What nodes may expect of the exchange of states, on the twin and on a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from providers.local.ownership.exchange import Exchange, MemoryExchange
from service.concurrency.tasks import Tasks
from service.events.redis_channel import RedisChannelLimits
from service.events.redis_exchange import RedisExchange
from tests.servers import RedisServer
from tests.waiting import PATIENCE, until

LIMITS = RedisChannelLimits(retry_after=0.02)


class Node:
    """An end of the exchange and what it was sent."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.received: list[tuple[str, str | None]] = []
        exchange.listen(lambda uid, state: self.received.append((uid, state)))


@pytest.fixture(params=["memory", "redis"])
async def nodes(request: pytest.FixtureRequest, tasks: Tasks) -> AsyncIterator[tuple[Node, Node]]:
    if request.param == "memory":
        memory = MemoryExchange()
        yield Node(memory), Node(memory.node())
        return
    url = request.getfixturevalue("redis_url")
    ends = [RedisExchange(url, spawn=tasks.spawn, limits=LIMITS) for _ in range(2)]
    for end in ends:
        await end.subscribed.wait()
    yield Node(ends[0]), Node(ends[1])
    for end in ends:
        await end.aclose()


async def test_a_state_is_sent_to_the_others_and_kept_for_those_that_come_later(nodes: tuple[Node, Node]) -> None:
    here, there = nodes
    here.exchange.publish("one", '{"phase": "live"}')
    await until(lambda: there.received == [("one", '{"phase": "live"}')])
    assert await there.exchange.states(["one", "two"]) == {"one": '{"phase": "live"}'}
    assert here.received == []


async def test_an_end_removes_the_state(nodes: tuple[Node, Node]) -> None:
    here, there = nodes
    here.exchange.publish("one", "live")
    await until(lambda: there.received == [("one", "live")])
    here.exchange.publish("one", "")
    await until(lambda: there.received[-1] == ("one", ""))
    assert await there.exchange.states(["one"]) == {}


async def test_a_change_of_an_input_is_sent_without_a_state(nodes: tuple[Node, Node]) -> None:
    here, there = nodes
    there.exchange.changed("one")
    await until(lambda: here.received == [("one", None)])
    assert await here.exchange.states(["one"]) == {}


async def test_states_expire(redis_server: RedisServer, tasks: Tasks) -> None:
    end = RedisExchange(redis_server.url, spawn=tasks.spawn, limits=LIMITS)
    end.publish("one", "live")
    await until(lambda: not end._channel.waiting)
    async with asyncio.timeout(PATIENCE):
        while (ttl := await end._channel.redis.pttl("conference:broadcast:{one}")) < 0:
            pass
    assert 3000 < ttl <= 5000
    await end.aclose()


async def test_without_redis_nothing_is_known_and_nothing_raises(redis_server: RedisServer, tasks: Tasks) -> None:
    redis_server.stop()
    end = RedisExchange(redis_server.url, spawn=tasks.spawn, limits=LIMITS)
    end.publish("one", "live")
    end.changed("one")
    assert await end.states(["one"]) == {}
    redis_server.start()
    await end.subscribed.wait()
    end.publish("one", "live")
    async with asyncio.timeout(PATIENCE):
        while await end.states(["one"]) != {"one": "live"}:
            end.publish("one", "live")
    await end.aclose()
