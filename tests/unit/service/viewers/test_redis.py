"""What only the Redis window does: sharing, coming back from an outage, keeping its size."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from redis import asyncio as aioredis

from service.clock import SystemClock
from service.concurrency.tasks import Tasks
from service.domain.audience.viewer_window import WINDOW_MS, ViewerCount
from service.domain.errors import Unavailable
from service.viewers.heartbeats import HeartbeatLimits
from service.viewers.redis import RedisLimits, RedisViewers
from service.viewers.sorted_sets import EXPIRE_MS, TRIM_MARGIN_MS, SortedSetLimits
from tests import servers
from tests.clock import Clock
from tests.servers import RedisServer, free_port


@pytest.fixture
def limits() -> RedisLimits:
    """Return the limits of `viewers`. A test may override them with `parametrize`."""
    return RedisLimits()


@pytest.fixture
async def viewers(redis_url: str, tasks: Tasks, limits: RedisLimits) -> AsyncIterator[RedisViewers]:
    window = RedisViewers(redis_url, spawn=tasks.spawn, digest_key=b"key", limits=limits)
    yield window
    await window.aclose()


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[aioredis.Redis]:
    async with aioredis.Redis.from_url(redis_url) as client:
        yield client


async def exact(viewers: RedisViewers, stream_uid: str) -> ViewerCount:
    """Return the next count that is not degraded."""
    async with asyncio.timeout(20):
        while (count := await viewers.count(stream_uid, SystemClock().unix_ms())).degraded:  # noqa: ASYNC110 - Redis sends no event when it is back
            await asyncio.sleep(0.05)
    return count


async def test_two_machines_count_together(viewers: RedisViewers, redis_url: str, tasks: Tasks) -> None:
    other = RedisViewers(redis_url, spawn=tasks.spawn, digest_key=b"key")
    for visitor in ("ann", "bob"):
        viewers.seen("stream", visitor, SystemClock().unix_ms())
    for visitor in ("bob", "cid"):
        other.seen("stream", visitor, SystemClock().unix_ms())
    await other.aclose()
    assert (await viewers.count("stream", SystemClock().unix_ms())).value == 3


async def test_machines_whose_clocks_differ_agree_on_the_edge(redis_url: str, tasks: Tasks) -> None:
    true_clock, slow_clock = Clock(), Clock()
    slow_clock.set_back(9)
    now = true_clock.unix_ms()
    true = RedisViewers(redis_url, spawn=tasks.spawn, digest_key=b"k", clock=true_clock, time_source=_at(now))
    slow = RedisViewers(redis_url, spawn=tasks.spawn, digest_key=b"k", clock=slow_clock, time_source=_at(now))
    slow.seen("stream", "ann", now - 9_000)
    await slow.aclose()
    counts = [(await true.count("stream", now + WINDOW_MS + late)).value for late in (0, 1)]
    await true.aclose()
    assert counts == [1, 0]


def _at(now_ms: int):  # type: ignore[no-untyped-def]
    async def shared(_: aioredis.Redis) -> int:
        return now_ms

    return shared


async def test_visitor_ids_cannot_be_read_back(viewers: RedisViewers, redis: aioredis.Redis) -> None:
    viewers.seen("stream", "ann", SystemClock().unix_ms())
    await viewers.count("stream", SystemClock().unix_ms())
    (member,) = await redis.zrange("viewers:{stream}", 0, -1)
    assert len(member) == 16
    assert b"ann" not in member


async def test_the_set_of_a_stream_goes_by_itself(viewers: RedisViewers, redis: aioredis.Redis) -> None:
    viewers.seen("stream", "ann", SystemClock().unix_ms())
    await viewers.count("stream", SystemClock().unix_ms())
    assert WINDOW_MS < await redis.pttl("viewers:{stream}") <= EXPIRE_MS


@pytest.mark.parametrize("limits", [RedisLimits(sets=SortedSetLimits(trim_at_once=10))], ids=["ten at once"])
async def test_expired_visitors_are_trimmed_in_small_steps(viewers: RedisViewers, redis: aioredis.Redis) -> None:
    gone = SystemClock().unix_ms() - WINDOW_MS - TRIM_MARGIN_MS - 1_000
    await redis.zadd("viewers:{stream}", {f"gone {n}": gone + n for n in range(25)})
    sizes = []
    for _ in range(4):
        viewers.seen("stream", "ann", SystemClock().unix_ms())
        await viewers.count("stream", SystemClock().unix_ms())
        sizes.append(await redis.zcard("viewers:{stream}"))
    # The first flush only looks.
    assert sizes[-1] == 1
    assert all(before - after <= 10 for before, after in zip([26, *sizes], sizes, strict=False))


@pytest.mark.parametrize(
    "limits", [RedisLimits(sets=SortedSetLimits(pipeline_chunk=20, zadd_chunk=10))], ids=["small pipelines"]
)
async def test_more_heartbeats_than_one_pipeline_holds_all_arrive(viewers: RedisViewers) -> None:
    now = SystemClock().unix_ms()
    for number in range(95):
        viewers.seen("one", f"visitor {number}", now)
        viewers.seen("two", f"visitor {number}", now)
    assert [(await viewers.count(uid, now)).value for uid in ("one", "two")] == [95, 95]


async def test_returns_the_last_good_count_while_redis_is_unavailable(
    viewers: RedisViewers, redis_server: RedisServer
) -> None:
    viewers.seen("stream", "ann", SystemClock().unix_ms())
    good = await viewers.count("stream", SystemClock().unix_ms())
    redis_server.stop()
    viewers.seen("stream", "bob", SystemClock().unix_ms())
    assert await viewers.count("stream", SystemClock().unix_ms()) == ViewerCount(1, good.as_of_ms, degraded=True)


async def test_returns_the_last_good_count_while_redis_hangs(viewers: RedisViewers, redis: aioredis.Redis) -> None:
    viewers.seen("stream", "ann", SystemClock().unix_ms())
    await viewers.count("stream", SystemClock().unix_ms())
    await redis.execute_command("CLIENT", "PAUSE", "2500", "ALL")
    viewers.seen("stream", "bob", SystemClock().unix_ms())
    count = await viewers.count("stream", SystemClock().unix_ms())
    assert (count.value, count.degraded) == (1, True)
    assert (await exact(viewers, "stream")).value == 2


async def test_is_exact_again_after_redis_came_back_empty(viewers: RedisViewers, redis_server: RedisServer) -> None:
    for visitor in ("ann", "bob"):
        viewers.seen("stream", visitor, SystemClock().unix_ms())
    await viewers.count("stream", SystemClock().unix_ms())
    redis_server.stop()
    viewers.seen("stream", "cid", SystemClock().unix_ms())
    await viewers.count("stream", SystemClock().unix_ms())
    redis_server.start()
    assert (await exact(viewers, "stream")).value == 3


async def test_an_unnoticed_restart_loses_no_viewer(viewers: RedisViewers, redis_server: RedisServer) -> None:
    viewers.seen("stream", "ann", SystemClock().unix_ms())
    await viewers.count("stream", SystemClock().unix_ms())
    redis_server.stop()
    redis_server.start()
    assert (await exact(viewers, "stream")).value == 1


async def test_starts_without_redis_and_uses_it_later(redis_server: RedisServer, tasks: Tasks) -> None:
    redis_server.stop()
    viewers = RedisViewers(redis_server.url, spawn=tasks.spawn, digest_key=b"key")
    viewers.seen("stream", "ann", SystemClock().unix_ms())
    assert (await viewers.count("stream", SystemClock().unix_ms())).degraded
    redis_server.start()
    assert (await exact(viewers, "stream")).value == 1
    await viewers.aclose()


async def test_a_failover_to_another_server_is_followed(tasks: Tasks) -> None:
    """The name leads to the new master; the connection there is still leads to the old one, which takes no writes."""
    with servers.redis_server() as old, servers.redis_server() as new:
        master = old.port

        async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            theirs, ours = await asyncio.open_connection("127.0.0.1", master)
            await asyncio.gather(_pump(reader, ours), _pump(theirs, writer))

        listener = await asyncio.start_server(relay, "127.0.0.1", 0)
        url = f"redis://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        viewers = RedisViewers(url, spawn=tasks.spawn, digest_key=b"key")
        viewers.seen("stream", "ann", SystemClock().unix_ms())
        assert (await exact(viewers, "stream")).value == 1
        async with aioredis.Redis.from_url(old.url) as client:
            await client.replicaof("127.0.0.1", str(new.port))
        master = new.port
        viewers.seen("stream", "bob", SystemClock().unix_ms())
        assert (await exact(viewers, "stream")).value == 2
        await viewers.aclose()
        listener.close()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await source.read(65_536):
            sink.write(data)
            await sink.drain()
    sink.close()


async def test_what_is_remembered_is_bounded_and_the_newest_stay(redis_server: RedisServer, tasks: Tasks) -> None:
    limits = RedisLimits(heartbeats=HeartbeatLimits(max_held=4, max_remembered=10))
    redis_server.stop()
    viewers = RedisViewers(redis_server.url, spawn=tasks.spawn, digest_key=b"key", limits=limits)
    now = SystemClock().unix_ms()
    for number in range(40):
        viewers.seen("stream", f"visitor {number}", now - 100_000 + number * 1_000)
    redis_server.start()
    assert (await exact(viewers, "stream")).value == 10
    assert (await viewers.count("stream", now - 100_000 + WINDOW_MS + 30_000)).value == 10
    await viewers.aclose()


async def test_is_not_ready_while_redis_is_unavailable(tasks: Tasks) -> None:
    viewers = RedisViewers(f"redis://127.0.0.1:{free_port()}", spawn=tasks.spawn, digest_key=b"key")
    with pytest.raises(Unavailable):
        await viewers.check()
    await viewers.aclose()


async def test_heartbeats_not_yet_sent_arrive_when_it_closes(
    redis_url: str, redis: aioredis.Redis, tasks: Tasks
) -> None:
    viewers = RedisViewers(redis_url, spawn=tasks.spawn, digest_key=b"key")
    viewers.seen("stream", "ann", SystemClock().unix_ms())
    await viewers.aclose()
    assert await redis.zcard("viewers:{stream}") == 1
