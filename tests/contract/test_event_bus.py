"""What a bus promises (`domain.events.ports.EventBus`), on every implementation; Redis is a real one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest
import redis

from service.concurrency.tasks import Tasks
from service.domain.events.ports import EventBus
from service.events.bus import MemoryBus
from service.events.redis_bus import CHANNEL, RedisBus, RedisBusLimits
from tests.servers import RedisServer
from tests.waiting import until

LIMITS = RedisBusLimits(retry_after=0.02)


class Listener:
    """Keeps the commits that a bus reports."""

    def __init__(self, bus: EventBus) -> None:
        self.reported: list[tuple[UUID, int]] = []
        bus.listen(lambda organization_id, last_id: self.reported.append((organization_id, last_id)))


@pytest.fixture(params=["memory", "redis"])
async def buses(request: pytest.FixtureRequest, tasks: Tasks) -> AsyncIterator[tuple[EventBus, EventBus]]:
    """Yield a bus to publish on, and one to listen to: the same where there is one node."""
    if request.param == "memory":
        bus = MemoryBus()
        yield bus, bus
        await bus.aclose()
        return
    url = request.getfixturevalue("redis_url")
    here, there = (RedisBus(url, spawn=tasks.spawn, limits=LIMITS) for _ in range(2))
    await here.subscribed.wait()
    await there.subscribed.wait()
    yield here, there
    await here.aclose()
    await there.aclose()


async def test_all_listeners_are_notified_of_a_commit(buses: tuple[EventBus, EventBus]) -> None:
    here, there = buses
    listeners = [Listener(there), Listener(there)]
    organization = uuid4()
    here.publish(organization, 7)
    await until(lambda: all(listener.reported == [(organization, 7)] for listener in listeners))


async def test_the_publishing_node_is_notified_at_once_and_once(buses: tuple[EventBus, EventBus]) -> None:
    here, there = buses
    near, far = Listener(here), Listener(there)
    organization = uuid4()
    here.publish(organization, 7)
    assert near.reported[0] == (organization, 7)
    there.publish(organization, 8)
    await until(lambda: (organization, 8) in near.reported and (organization, 7) in far.reported)
    assert sorted(near.reported) == [(organization, 7), (organization, 8)]


async def test_the_last_id_of_each_organization_arrives(buses: tuple[EventBus, EventBus]) -> None:
    here, there = buses
    listener = Listener(there)
    one, two = uuid4(), uuid4()
    for number in range(1, 101):
        here.publish(one, number)
        here.publish(two, number)
    await until(lambda: {(one, 100), (two, 100)} <= set(listener.reported))


async def test_a_closed_bus_reports_nothing_and_closes_twice(buses: tuple[EventBus, EventBus]) -> None:
    here, there = buses
    listener = Listener(there)
    for bus in (there, there):
        assert isinstance(bus, MemoryBus | RedisBus)
        await bus.aclose()
    here.publish(uuid4(), 1)
    there.publish(uuid4(), 1)
    assert listener.reported == []


async def test_redis_may_restart(redis_server: RedisServer, tasks: Tasks) -> None:
    here, there = (RedisBus(redis_server.url, spawn=tasks.spawn, limits=LIMITS) for _ in range(2))
    listener = Listener(there)
    await there.subscribed.wait()
    redis_server.stop()
    here.publish(uuid4(), 1)  # lost for the other node
    await until(lambda: not there.subscribed.is_set())
    redis_server.start()
    await there.subscribed.wait()
    organization = uuid4()

    def arrived() -> bool:
        here.publish(organization, 2)
        return (organization, 2) in listener.reported

    await until(arrived)
    await here.aclose()
    await there.aclose()


async def test_messages_are_bounded_while_redis_is_down(redis_server: RedisServer, tasks: Tasks) -> None:
    redis_server.stop()
    bus = RedisBus(redis_server.url, spawn=tasks.spawn, limits=RedisBusLimits(max_waiting=3))
    listener = Listener(bus)
    for _ in range(10):
        bus.publish(uuid4(), 1)
    assert len(listener.reported) == 10 and bus.waiting == 3
    await bus.aclose()


async def test_foreign_messages_are_ignored(redis_server: RedisServer, tasks: Tasks) -> None:
    bus = RedisBus(redis_server.url, spawn=tasks.spawn, limits=LIMITS)
    listener = Listener(bus)
    await bus.subscribed.wait()
    organization = uuid4()
    with redis.Redis(port=redis_server.port) as client:
        for text in (b"\xff", b"", b"node x y", f"{uuid4().hex} {organization.hex} 3".encode()):
            client.publish(CHANNEL, text)
    await until(lambda: listener.reported == [(organization, 3)])
    await bus.aclose()


async def test_a_subscription_without_messages_is_kept(redis_server: RedisServer, tasks: Tasks) -> None:
    bus = RedisBus(redis_server.url, spawn=tasks.spawn, limits=RedisBusLimits(silence=0.5))
    await bus.subscribed.wait()
    with redis.Redis(port=redis_server.port) as client:
        first = client.client_list(_type="pubsub")
        await until(lambda: [each["cmd"] for each in client.client_list(_type="pubsub")] == ["ping"])
        assert [each["id"] for each in client.client_list(_type="pubsub")] == [each["id"] for each in first]
    await bus.aclose()


async def test_a_silent_subscription_is_replaced(redis_server: RedisServer, tasks: Tasks) -> None:
    bus = RedisBus(redis_server.url, spawn=tasks.spawn, limits=RedisBusLimits(retry_after=0.02, silence=0.05))
    await bus.subscribed.wait()
    with redis.Redis(port=redis_server.port) as client:
        client.client_pause(1_000)
    await until(lambda: not bus.subscribed.is_set())
    await bus.subscribed.wait()
    await bus.aclose()
