"""What a viewer window promises (service/domain/audience/viewer_window.py), on every implementation; Redis is a real one."""

from __future__ import annotations

from collections.abc import AsyncIterator

import freezegun
import pytest
from redis import asyncio as aioredis

from service.clock import SystemClock
from service.concurrency.tasks import Tasks
from service.domain.audience.viewer_window import WINDOW_MS, ViewerCount, ViewerWindow
from service.viewers.digest import VisitorDigests
from service.viewers.memory import MemoryViewers
from service.viewers.redis import RedisViewers
from tests.clock import Clock

START_MS = Clock().unix_ms()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", "redis"])
async def viewers(request: pytest.FixtureRequest, clock: Clock, tasks: Tasks) -> AsyncIterator[ViewerWindow]:
    window: ViewerWindow
    if request.param == "memory":
        window = MemoryViewers(digest_key=b"key")
    else:
        # Redis' own clock is left out, so that the edge of the window is met to the millisecond.
        async def shared_time(_: aioredis.Redis) -> int:
            return clock.unix_ms()

        url = request.getfixturevalue("redis_url")
        window = RedisViewers(url, spawn=tasks.spawn, digest_key=b"key", clock=clock, time_source=shared_time)
    yield window
    await window.aclose()


async def test_counts_distinct_visitors(viewers: ViewerWindow, clock: Clock) -> None:
    for visitor in ("ann", "bob", "ann"):
        viewers.seen("stream", visitor, clock.unix_ms())
    assert await viewers.count("stream", clock.unix_ms()) == ViewerCount(2, START_MS)


async def test_names_the_visitors_since_a_moment(viewers: ViewerWindow, clock: Clock) -> None:
    viewers.seen("stream", "ann", clock.unix_ms())
    clock.advance(5)
    viewers.seen("stream", "bob", clock.unix_ms())
    viewers.seen("another stream", "cat", clock.unix_ms())
    bob = {VisitorDigests(b"key").of("bob")}
    assert await viewers.visitors("stream", START_MS) == bob | {VisitorDigests(b"key").of("ann")}
    assert await viewers.visitors("stream", START_MS + 1) == bob
    assert await viewers.visitors("nobody's stream", START_MS) == set()


async def test_names_every_one_of_a_crowd(viewers: ViewerWindow, clock: Clock) -> None:
    for number in range(5_000):
        viewers.seen("stream", str(number), clock.unix_ms())
    assert len(await viewers.visitors("stream", START_MS)) == 5_000


async def test_a_stream_without_heartbeats_has_no_viewers(viewers: ViewerWindow, clock: Clock) -> None:
    assert await viewers.count("stream", clock.unix_ms()) == ViewerCount(0, START_MS)


async def test_a_visitor_still_counts_exactly_two_minutes_after_the_heartbeat(
    viewers: ViewerWindow, clock: Clock
) -> None:
    viewers.seen("stream", "ann", clock.unix_ms())
    clock.advance(WINDOW_MS / 1000)
    assert (await viewers.count("stream", clock.unix_ms())).value == 1


async def test_a_visitor_no_longer_counts_a_millisecond_later(viewers: ViewerWindow, clock: Clock) -> None:
    viewers.seen("stream", "ann", clock.unix_ms())
    clock.advance((WINDOW_MS + 1) / 1000)
    assert (await viewers.count("stream", clock.unix_ms())).value == 0


@pytest.mark.parametrize("kind", ["memory", "redis"])
async def test_the_edge_holds_on_the_real_clock(kind: str, tasks: Tasks, request: pytest.FixtureRequest) -> None:
    async def frozen_time(_: aioredis.Redis) -> int:
        return SystemClock().unix_ms()

    with freezegun.freeze_time("2026-11-21 12:00:00.123", real_asyncio=True) as frozen:
        window: ViewerWindow = (
            MemoryViewers(digest_key=b"key")
            if kind == "memory"
            else RedisViewers(
                request.getfixturevalue("redis_url"), spawn=tasks.spawn, digest_key=b"key", time_source=frozen_time
            )
        )
        window.seen("stream", "ann", SystemClock().unix_ms())
        frozen.tick(120)
        at_the_edge = await window.count("stream", SystemClock().unix_ms())
        frozen.tick(0.001)
        beyond = await window.count("stream", SystemClock().unix_ms())
        await window.aclose()
    assert (at_the_edge.value, beyond.value) == (1, 0)


async def test_a_new_heartbeat_keeps_a_visitor_in(viewers: ViewerWindow, clock: Clock) -> None:
    viewers.seen("stream", "ann", clock.unix_ms())
    clock.advance(WINDOW_MS / 1000)
    viewers.seen("stream", "ann", clock.unix_ms())
    clock.advance(WINDOW_MS / 1000)
    assert (await viewers.count("stream", clock.unix_ms())).value == 1


async def test_an_older_heartbeat_never_shortens_the_stay(viewers: ViewerWindow, clock: Clock) -> None:
    viewers.seen("stream", "ann", clock.unix_ms())
    viewers.seen("stream", "ann", clock.unix_ms() - 60_000)
    clock.advance(WINDOW_MS / 1000)
    assert (await viewers.count("stream", clock.unix_ms())).value == 1


async def test_a_late_heartbeat_counts_from_when_it_was_made(viewers: ViewerWindow, clock: Clock) -> None:
    viewers.seen("stream", "ann", clock.unix_ms())
    viewers.seen("stream", "bob", clock.unix_ms() - 60_000)
    clock.advance((WINDOW_MS - 60_000 + 1) / 1000)
    assert (await viewers.count("stream", clock.unix_ms())).value == 1


async def test_heartbeats_of_the_broadcast_before_do_not_count(viewers: ViewerWindow, clock: Clock) -> None:
    viewers.seen("stream", "ann", clock.unix_ms())
    viewers.seen("stream", "bob", clock.unix_ms())
    clock.advance(30)
    began = clock.unix_ms()
    assert (await viewers.count("stream", clock.unix_ms(), began)).value == 0
    viewers.seen("stream", "bob", clock.unix_ms())
    assert (await viewers.count("stream", clock.unix_ms(), began)).value == 1
    assert (await viewers.count("stream", clock.unix_ms(), began + 1)).value == 0
    assert (await viewers.count("stream", clock.unix_ms(), began - WINDOW_MS)).value == 2
    clock.advance((WINDOW_MS + 1) / 1000)
    assert (await viewers.count("stream", clock.unix_ms(), began)).value == 0


async def test_streams_are_counted_apart(viewers: ViewerWindow, clock: Clock) -> None:
    viewers.seen("one", "ann", clock.unix_ms())
    viewers.seen("two", "ann", clock.unix_ms())
    viewers.seen("two", "bob", clock.unix_ms())
    counts = [(await viewers.count(uid, clock.unix_ms())).value for uid in ("one", "two")]
    assert counts == [1, 2]


async def test_a_forgotten_stream_has_no_viewers(viewers: ViewerWindow, clock: Clock) -> None:
    viewers.seen("stream", "ann", clock.unix_ms())
    await viewers.count("stream", clock.unix_ms())
    viewers.seen("stream", "bob", clock.unix_ms())
    await viewers.forget("stream")
    assert (await viewers.count("stream", clock.unix_ms())).value == 0


async def test_any_text_is_a_visitor_id(viewers: ViewerWindow, clock: Clock) -> None:
    for visitor in ("ä" * 128, "\ud800", "\x00", "💜"):
        viewers.seen("stream", visitor, clock.unix_ms())
    assert (await viewers.count("stream", clock.unix_ms())).value == 4


async def test_is_ready(viewers: ViewerWindow) -> None:
    await viewers.check()


async def test_closes_twice(viewers: ViewerWindow) -> None:
    await viewers.aclose()
    await viewers.aclose()
