"""The viewer window in Redis, exact across machines.

One sorted set per stream, `viewers:{<stream_uid>}`: member = keyed digest of the visitor id, score = time of the latest
heartbeat in ms by Redis' clock. Members are only added with `ZADD GT` and removed by score, so that every command may be
repeated. After a failure, it need not be known which commands arrived:

    heartbeat ─▶ held (one flush) ─▶ remembered (one window) ─▶ Redis
                                          └── all of it sent again over each new connection

So a Redis that restarts empty is complete again after the first flush.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import hiredis
import structlog
from cachetools import LRUCache
from redis import asyncio as aioredis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from providers.base import InputUid, Spawn
from service.clock import Clock, SystemClock
from service.domain.audience.viewer_window import WINDOW_MS, ViewerCount
from service.domain.errors import Unavailable
from service.viewers.digest import VisitorDigests
from service.viewers.heartbeats import HeartbeatLimits, Heartbeats
from service.viewers.sorted_sets import SortedSetLimits, SortedSets, redis_time

log = structlog.get_logger(__name__)

_FAILURES = (RedisError, OSError, TimeoutError)


@dataclass(frozen=True, slots=True)
class RedisLimits:
    """Counts, and times in seconds."""

    flush_every: float = 0.1
    """Time for which heartbeats are gathered for one round trip to Redis."""
    retry_after: float = 0.5
    """Time between attempts while Redis is unavailable."""
    flush_timeout: float = 5.0
    """Time a flush may take, also when it sends a whole window again."""
    answer_timeout: float = 1.5
    """Time for which `count` waits for a flush before it returns the last good count."""
    socket_timeout: float = 1.0
    """Time Redis has for one answer, and for one connection."""
    max_last_counts: int = 10_000
    """Streams whose last good count is kept."""
    max_rounds: int = 3
    """How often a flush starts over because the connection was new."""
    heartbeats: HeartbeatLimits = field(default_factory=HeartbeatLimits)
    sets: SortedSetLimits = field(default_factory=SortedSetLimits)


@dataclass(slots=True, eq=False)
class _CountRequest:
    """A pending call of `count`."""

    stream_uid: InputUid
    now_ms: int
    since_ms: int
    answer: asyncio.Future[ViewerCount]


class RedisViewers:
    """`service.domain.audience.viewer_window.ViewerWindow` on one Redis.

    `digest_key`: up to 64 secret bytes, the same on every machine. `clock` must be the source of all `now_ms`.
    `time_source` reads the clock that all machines share; tests pass their own.
    """

    def __init__(
        self,
        url: str,
        *,
        spawn: Spawn,
        digest_key: bytes,
        clock: Clock | None = None,
        time_source: Callable[[aioredis.Redis], Awaitable[int]] = redis_time,
        limits: RedisLimits | None = None,
    ) -> None:
        self._limits = limits = limits or RedisLimits()
        # One connection: a new one always means that the old one broke, and that what was sent may be lost.
        self._pool = aioredis.BlockingConnectionPool.from_url(
            url,
            max_connections=1,
            timeout=limits.socket_timeout,
            socket_timeout=limits.socket_timeout,
            socket_connect_timeout=limits.socket_timeout,
            retry=Retry(NoBackoff(), 1),  # the default of ten takes seconds to fail
            redis_connect_func=self._connected,
        )
        self._redis = aioredis.Redis(connection_pool=self._pool)
        self._digests = VisitorDigests(digest_key)
        self._clock = clock or SystemClock()
        self._sets = SortedSets(self._redis, self._clock, time_source, limits.sets)
        self._beats = Heartbeats(self._clock, limits.heartbeats)
        self._asks: deque[_CountRequest] = deque()
        self._last: LRUCache[InputUid, ViewerCount] = LRUCache(limits.max_last_counts)
        self._unavailable = False
        self._closed = False
        self._work = asyncio.Event()
        self._in_use = asyncio.Lock()
        self._runner = spawn(self._run(), name="viewer heartbeats")

    # Called by the API and the status board.

    def seen(self, stream_uid: InputUid, visitor_id: str, now_ms: int) -> None:
        self._beats.add((stream_uid, self._digests.of(visitor_id)), now_ms)
        self._work.set()

    async def count(self, stream_uid: InputUid, now_ms: int, since_ms: int = 0) -> ViewerCount:
        if self._unavailable or self._closed:
            return self._last_good(stream_uid, now_ms, since_ms)
        # Not asked at once: the counts of many streams share the next flush's round trip.
        ask = _CountRequest(stream_uid, now_ms, since_ms, asyncio.get_running_loop().create_future())
        self._asks.append(ask)
        self._work.set()
        try:
            # A status poll must not wait for a Redis that hangs: the last good count is served instead.
            async with asyncio.timeout(self._limits.answer_timeout):
                return await ask.answer
        except TimeoutError:
            return self._last_good(stream_uid, now_ms, since_ms)

    def _last_good(self, stream_uid: InputUid, now_ms: int, since_ms: int) -> ViewerCount:
        last = self._last.get(stream_uid)
        if last is None or last.as_of_ms < since_ms:
            return ViewerCount(0, now_ms, degraded=True)
        return ViewerCount(last.value, last.as_of_ms, True)

    async def visitors(self, stream_uid: InputUid, since_ms: int) -> set[bytes]:
        # A count is answered after the heartbeats before it were sent: so they are in the set that is read.
        flushed = await self.count(stream_uid, self._clock.unix_ms())
        if flushed.degraded:
            raise Unavailable("Redis does not answer.")
        try:
            return await self._sets.members(stream_uid, since_ms)
        except _FAILURES as failure:
            raise Unavailable("Redis does not answer.") from failure

    async def forget(self, stream_uid: InputUid) -> None:
        """Drop the stream's window. While Redis is unavailable, its set expires after EXPIRE_MS."""
        async with self._in_use:
            self._beats.forget(stream_uid)
            self._last.pop(stream_uid, None)
            with suppress(*_FAILURES):
                await self._sets.forget(stream_uid)

    async def check(self) -> None:
        try:
            async with asyncio.timeout(2 * self._limits.socket_timeout), self._in_use:
                await self._redis.ping()
        except _FAILURES as failure:
            raise Unavailable("Redis does not answer.") from failure

    async def aclose(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._runner.cancel()
        with suppress(asyncio.CancelledError):
            await self._runner
        if not self._unavailable:
            with suppress(*_FAILURES):
                async with asyncio.timeout(2 * self._limits.socket_timeout):
                    await self._flush()
        self._answer_last_good()
        with suppress(*_FAILURES):
            await self._redis.aclose()
            await self._pool.aclose()

    # The background task.

    async def _run(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            try:
                async with asyncio.timeout(self._limits.flush_timeout):
                    await self._flush()
            except _FAILURES as failure:
                self._lost(failure)
                await self._disconnect()
                await asyncio.sleep(self._limits.retry_after)
            else:
                self._found()
                await asyncio.sleep(self._limits.flush_every)

    def _lost(self, failure: Exception) -> None:
        if not self._unavailable:
            log.warning("redis unavailable, serving last known viewer counts", error=type(failure).__name__)
        self._unavailable = self._beats.send_all = True
        self._answer_last_good()
        self._work.set()  # try again even if there is nothing to send

    async def _disconnect(self) -> None:
        """Close the connection: after a failover the old one leads to the former primary, which accepts no writes."""
        with suppress(*_FAILURES):
            await self._pool.disconnect(inuse_connections=False)

    def _found(self) -> None:
        if self._unavailable:
            log.info("redis available again, viewer counts are current")
        self._unavailable = False

    def _answer_last_good(self) -> None:
        while self._asks:
            ask = self._asks.popleft()
            if not ask.answer.done():
                ask.answer.set_result(self._last_good(ask.stream_uid, ask.now_ms, ask.since_ms))

    async def _connected(self, connection: Any) -> None:
        """Set up a new connection. redis-py calls this instead of its own setup."""
        connection.pack_command = _packed
        await connection.on_connect()
        self._beats.send_all = True

    # One flush.

    async def _flush(self) -> None:
        """Send the heartbeats that are held, then answer the counts requested before."""
        async with self._in_use:
            try:
                await self._sets.compare_clocks()
                asks = list(self._asks)
                values = await self._deliver(asks)
            except BaseException:
                self._beats.send_all = True  # it is unknown what arrived
                raise
        for ask, value in zip(asks, values, strict=True):
            self._settle(ask, value)

    async def _deliver(self, asks: list[_CountRequest]) -> list[int]:
        asked = [(ask.stream_uid, max(ask.now_ms - WINDOW_MS, ask.since_ms)) for ask in asks]
        for _ in range(self._limits.max_rounds):
            # `drain` returns everything when the connection is new, so a broken one costs one more round.
            values = await self._sets.exchange(self._beats.drain(), asked)
            if not self._beats.send_all:
                return values
        raise ConnectionError("the connection to Redis keeps breaking")

    def _settle(self, ask: _CountRequest, value: int) -> None:
        with suppress(ValueError):  # already answered with the last good count
            self._asks.remove(ask)
        count = ViewerCount(value, ask.now_ms)
        self._last[ask.stream_uid] = count
        if not ask.answer.done():
            ask.answer.set_result(count)


def _packed(name: str, *arguments: Any) -> list[bytes]:
    """Serialize a command in C: redis-py's own serializer, in Python, was half of the cost of a heartbeat.

    `name` may be several words, such as CLIENT SETINFO.
    """
    return [hiredis.pack_command((*name.split(), *arguments))]
