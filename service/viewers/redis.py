"""The viewer window in Redis, exact across machines.

One sorted set per stream, `viewers:{<stream_uid>}`: member = keyed digest of the visitor id, score = time of the newest
heartbeat in ms by Redis' clock. The set is only ever added to with `ZADD GT` and cut by score, so every command may be
repeated: after a failure nothing has to be known about what arrived. That is what the recovery rests on:

    heartbeat ─▶ held (one flush) ─▶ remembered (one window) ─▶ Redis
                                          └── sent again, all of it, over every new connection

A Redis that restarts empty is therefore full again with the first flush that reaches it.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any

import structlog
from redis import asyncio as aioredis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from providers.base import Spawn
from service.domain.errors import Unavailable
from service.viewers.digest import visitor_digest
from service.viewers.port import WINDOW_MS, ViewerCount
from service.viewers.roll import members_since

log = structlog.get_logger(__name__)

FLUSH_EVERY = 0.1
"""Seconds heartbeats are gathered for one trip to Redis."""

RETRY_AFTER = 0.5
"""Seconds between attempts while Redis is away."""

FLUSH_TIMEOUT = 5.0
"""Seconds one flush may take in all, a whole window sent again included."""

ANSWER_TIMEOUT = 1.5
"""Seconds `count` waits for a flush before it answers the last good count."""

SOCKET_TIMEOUT = 1.0
"""Seconds Redis has for one answer, and for one connection."""

ZADD_CHUNK = 500
"""Heartbeats in one ZADD: Redis serves others in between."""

PIPELINE_CHUNK = 5_000
"""Heartbeats in one pipeline: our event loop serves others in between."""

TRIM_AT_ONCE = 1_000
"""Expired visitors cut from a stream per flush: cutting 100,000 at once would hold Redis for 35 ms."""

TRIM_MARGIN_MS = 10_000
"""A visitor is cut this long after the window, so that nothing is missing from a count asked for just before."""

EXPIRE_MS = WINDOW_MS + 60_000
"""A stream's set goes by itself this long after its last heartbeat."""

CLOCK_EVERY_MS = 10_000
"""How often the difference between our clock and Redis' is measured."""

MAX_HELD = 50_000
"""Heartbeats gathered before they move to the remembered ones ahead of the flush."""

MAX_REMEMBERED = 200_000
"""Heartbeats kept for sending again (about 200 bytes each); beyond, the oldest are dropped."""

MAX_LAST_COUNTS = 10_000
"""Streams whose last good count is kept."""

MAX_ROUNDS = 3
"""Times one flush starts over because a connection was new."""

_Heartbeat = tuple[str, bytes]
"""Stream uid and visitor digest."""

_AWAY = (RedisError, OSError, TimeoutError)


def unix_ms() -> int:
    """Unix time in ms."""
    return time.time_ns() // 1_000_000


async def redis_time(client: aioredis.Redis) -> int:
    """Redis' clock, in Unix ms: the one all our machines share."""
    seconds, microseconds = await client.time()
    return int(seconds) * 1000 + int(microseconds) // 1000


@dataclass(slots=True, eq=False)
class _Ask:
    """Somebody waits for a count."""

    stream_uid: str
    now_ms: int
    answer: asyncio.Future[ViewerCount]


class RedisViewers:
    """`service.viewers.port.ViewerWindow` on one Redis.

    `digest_key`: up to 64 secret bytes, the same on every machine. `clock` must be the one the callers' `now_ms` comes from;
    `time_source` reads the clock all machines share (tests hand in their own).
    """

    def __init__(
        self,
        url: str,
        *,
        spawn: Spawn,
        digest_key: bytes,
        clock: Callable[[], int] = unix_ms,
        time_source: Callable[[aioredis.Redis], Awaitable[int]] = redis_time,
    ) -> None:
        # One connection: a new one then always means that the old one broke, and that what was sent may be lost.
        self._pool = aioredis.BlockingConnectionPool.from_url(
            url,
            max_connections=1,
            timeout=SOCKET_TIMEOUT,
            socket_timeout=SOCKET_TIMEOUT,
            socket_connect_timeout=SOCKET_TIMEOUT,
            retry=Retry(NoBackoff(), 1),  # the default of ten takes seconds to fail
            redis_connect_func=self._connected,
        )
        self._redis = aioredis.Redis(connection_pool=self._pool)
        self._key = digest_key
        self._clock = clock
        self._time_source = time_source
        self._offset_ms: int | None = None
        self._offset_at_ms = 0

        self._held: dict[_Heartbeat, int] = {}
        self._remembered: OrderedDict[_Heartbeat, int] = OrderedDict()
        self._send_all = False
        self._asks: deque[_Ask] = deque()
        self._last: OrderedDict[str, ViewerCount] = OrderedDict()
        self._trim_to: dict[str, float | str] = {}

        self._away = False
        self._closed = False
        self._work = asyncio.Event()
        self._talking = asyncio.Lock()
        self._runner = spawn(self._run(), name="viewer heartbeats")

    # What visitors and the status board call.

    def seen(self, stream_uid: str, visitor_id: str, now_ms: int) -> None:
        heartbeat = (stream_uid, visitor_digest(visitor_id, self._key))
        if now_ms > self._held.get(heartbeat, 0):
            self._held[heartbeat] = now_ms
        if len(self._held) >= MAX_HELD:
            self._remember_held()
            self._send_all = True
        self._work.set()

    async def count(self, stream_uid: str, now_ms: int) -> ViewerCount:
        if self._away or self._closed:
            return self._last_good(stream_uid, now_ms)
        ask = _Ask(stream_uid, now_ms, asyncio.get_running_loop().create_future())
        self._asks.append(ask)
        self._work.set()
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT):
                return await ask.answer
        except TimeoutError:
            return self._last_good(stream_uid, now_ms)

    def _last_good(self, stream_uid: str, now_ms: int) -> ViewerCount:
        last = self._last.get(stream_uid)
        return ViewerCount(0, now_ms, degraded=True) if last is None else ViewerCount(last.value, last.as_of_ms, True)

    async def visitors(self, stream_uid: str, since_ms: int) -> set[bytes]:
        flushed = await self.count(stream_uid, self._clock())
        if flushed.degraded:
            raise Unavailable("Redis does not answer.")
        try:
            return await members_since(self._redis, _key(stream_uid), since_ms + (self._offset_ms or 0))
        except _AWAY as failure:
            raise Unavailable("Redis does not answer.") from failure

    async def forget(self, stream_uid: str) -> None:
        """Drop the stream's window; while Redis is away, its set goes by itself after EXPIRE_MS."""
        async with self._talking:
            self._held = {beat: at for beat, at in self._held.items() if beat[0] != stream_uid}
            for beat in [beat for beat in self._remembered if beat[0] == stream_uid]:
                del self._remembered[beat]
            self._last.pop(stream_uid, None)
            self._trim_to.pop(stream_uid, None)
            with suppress(*_AWAY):
                await self._redis.delete(_key(stream_uid))

    async def check(self) -> None:
        try:
            async with asyncio.timeout(2 * SOCKET_TIMEOUT), self._talking:
                await self._redis.ping()
        except _AWAY as failure:
            raise Unavailable("Redis does not answer.") from failure

    async def aclose(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._runner.cancel()
        with suppress(asyncio.CancelledError):
            await self._runner
        if not self._away:
            with suppress(*_AWAY):
                async with asyncio.timeout(2 * SOCKET_TIMEOUT):
                    await self._flush()
        self._answer_last_good()
        with suppress(*_AWAY):
            await self._redis.aclose()
            await self._pool.aclose()

    # The background task.

    async def _run(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            try:
                async with asyncio.timeout(FLUSH_TIMEOUT):
                    await self._flush()
            except _AWAY as failure:
                self._lost(failure)
                await asyncio.sleep(RETRY_AFTER)
            else:
                self._found()
                await asyncio.sleep(FLUSH_EVERY)

    def _lost(self, failure: Exception) -> None:
        if not self._away:
            log.warning("redis is away: viewer counts stand still", error=type(failure).__name__)
        self._away = self._send_all = True
        self._answer_last_good()
        self._work.set()  # try again, asked or not

    def _found(self) -> None:
        if self._away:
            log.info("redis is back: viewer counts are exact again")
        self._away = False

    def _answer_last_good(self) -> None:
        while self._asks:
            ask = self._asks.popleft()
            if not ask.answer.done():
                ask.answer.set_result(self._last_good(ask.stream_uid, ask.now_ms))

    async def _connected(self, connection: Any) -> None:
        """Greet a new connection (redis-py calls this instead of its own greeting)."""
        await connection.on_connect()
        self._send_all = True

    # One flush.

    async def _flush(self) -> None:
        """Send what is held, and answer the counts asked for before it was taken."""
        async with self._talking:
            try:
                await self._compare_clocks()
                asks = list(self._asks)
                values = await self._deliver(asks)
            except BaseException:
                self._send_all = True  # nobody knows what arrived
                raise
        for ask, value in zip(asks, values, strict=True):
            self._settle(ask, value)

    async def _deliver(self, asks: list[_Ask]) -> list[int]:
        for _ in range(MAX_ROUNDS):
            values = await self._exchange(self._take(), asks)
            if not self._send_all:
                return values
        raise ConnectionError("the connection to Redis keeps breaking")

    def _settle(self, ask: _Ask, value: int) -> None:
        with suppress(ValueError):  # answered with the last good one meanwhile
            self._asks.remove(ask)
        count = ViewerCount(value, ask.now_ms)
        self._last[ask.stream_uid] = count
        self._last.move_to_end(ask.stream_uid)
        if len(self._last) > MAX_LAST_COUNTS:
            self._last.popitem(last=False)
        if not ask.answer.done():
            ask.answer.set_result(count)

    def _take(self) -> list[tuple[_Heartbeat, int]]:
        """The heartbeats to send now: those held, or the whole window when an earlier flush may have been lost."""
        fresh = self._remember_held()
        if not self._send_all:
            return fresh
        self._send_all = False
        return list(self._remembered.items())

    def _remember_held(self) -> list[tuple[_Heartbeat, int]]:
        """Move the held heartbeats to the remembered ones, newest last; returns them."""
        fresh = list(self._held.items())
        self._held.clear()
        for beat, at in fresh:
            if at > self._remembered.get(beat, 0):
                self._remembered[beat] = at
                self._remembered.move_to_end(beat)
        oldest = self._clock() - WINDOW_MS
        while self._remembered:
            beat = next(iter(self._remembered))
            if len(self._remembered) <= MAX_REMEMBERED and self._remembered[beat] >= oldest:
                break
            self._remembered.popitem(last=False)
        return fresh

    async def _compare_clocks(self) -> None:
        """Learn how far Redis' clock is from ours; noise smaller than the trip there and back changes nothing."""
        before = self._clock()
        if self._offset_ms is not None and abs(before - self._offset_at_ms) < CLOCK_EVERY_MS:
            return
        theirs = await self._time_source(self._redis)
        after = self._clock()
        offset = theirs - (before + after) // 2
        if self._offset_ms is None or abs(offset - self._offset_ms) > after - before + 1:
            self._offset_ms = offset
        self._offset_at_ms = after

    async def _exchange(self, batch: list[tuple[_Heartbeat, int]], asks: list[_Ask]) -> list[int]:
        """Send heartbeats (our ms), trim the streams they are for, and count; one pipeline unless there are very many."""
        offset = self._offset_ms or 0
        chunks = iter(_chunks(batch, offset))
        pipeline = self._redis.pipeline(transaction=False)
        while part := list(islice(chunks, PIPELINE_CHUNK // ZADD_CHUNK)):
            if len(pipeline):
                await pipeline.execute()
            for stream_uid, arguments in part:
                pipeline.execute_command("ZADD", _key(stream_uid), "GT", *arguments)
        streams = list(dict.fromkeys(stream_uid for (stream_uid, _), _ in batch))
        expired = f"({self._clock() + offset - WINDOW_MS - TRIM_MARGIN_MS}"
        for stream_uid in streams:
            self._trim(pipeline, stream_uid, expired)
        for ask in asks:
            pipeline.zcount(_key(ask.stream_uid), ask.now_ms + offset - WINDOW_MS, "+inf")
        if not len(pipeline):
            return []
        answers = await pipeline.execute()
        counts = answers[len(answers) - len(asks) :]
        trims = answers[len(answers) - len(asks) - 3 * len(streams) :]
        for at, stream_uid in enumerate(streams):
            next_cut = trims[3 * at + 1]
            self._trim_to[stream_uid] = next_cut[0][1] if next_cut else expired
        return [int(value) for value in counts]

    def _trim(self, pipeline: Any, stream_uid: str, expired: str) -> None:
        """Cut a little. The next cut's score is read now: cutting by score never takes somebody who came back meanwhile."""
        if len(self._trim_to) > MAX_LAST_COUNTS:
            self._trim_to.clear()
        key = _key(stream_uid)
        pipeline.zremrangebyscore(key, "-inf", self._trim_to.get(stream_uid, "-inf"))
        pipeline.zrange(key, "-inf", expired, byscore=True, offset=TRIM_AT_ONCE - 1, num=1, withscores=True)
        pipeline.pexpire(key, EXPIRE_MS)


def _key(stream_uid: str) -> str:
    return f"viewers:{{{stream_uid}}}"


def _chunks(batch: Iterable[tuple[_Heartbeat, int]], offset: int) -> Iterable[tuple[str, list[int | bytes]]]:
    """Heartbeats by stream, as the arguments of one ZADD each: score, member, score, member, …"""
    by_stream: dict[str, list[int | bytes]] = {}
    for (stream_uid, visitor), at in batch:
        arguments = by_stream.setdefault(stream_uid, [])
        arguments += (at + offset, visitor)
        if len(arguments) == 2 * ZADD_CHUNK:
            yield stream_uid, by_stream.pop(stream_uid)
    yield from by_stream.items()
