"""The sorted sets in Redis, one per stream, and the commands on them: add, trim, count, read.

Long work is split into pieces, so that Redis serves other clients in between.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, cast

from redis import asyncio as aioredis

from providers.base import InputUid
from service.clock import Clock
from service.domain.audience.viewer_window import WINDOW_MS
from service.viewers.heartbeats import Heartbeat

TRIM_MARGIN_MS = 10_000
"""A visitor is removed this long after the window, so that a count requested just before misses none."""

EXPIRE_MS = WINDOW_MS + 60_000
"""A stream's set expires this long after its last heartbeat."""


@dataclass(frozen=True, slots=True)
class SortedSetLimits:
    """Counts, and times in milliseconds."""

    zadd_chunk: int = 500
    """Heartbeats in one ZADD."""
    pipeline_chunk: int = 5_000
    """Heartbeats in one pipeline: the event loop serves other tasks in between."""
    trim_at_once: int = 1_000
    """Expired visitors removed from a stream per flush: removing 100,000 at once would block Redis for 35 ms."""
    scan_at_once: int = 1_000
    """Members that Redis scans for one reply."""
    clock_every_ms: int = 10_000
    """Interval of measuring the difference between the machine's clock and Redis' clock."""
    max_cuts: int = 10_000
    """Streams whose next trim is remembered."""


async def redis_time(client: aioredis.Redis) -> int:
    """Return the time of Redis' clock in Unix ms: the clock that all machines share."""
    seconds, microseconds = await client.time()
    return int(seconds) * 1000 + int(microseconds) // 1000


class SortedSets:
    """Times that come in and go out are by `clock`, in Unix ms; in Redis they are by the clock that `time_source` reads."""

    def __init__(
        self,
        client: aioredis.Redis,
        clock: Clock,
        time_source: Callable[[aioredis.Redis], Awaitable[int]],
        limits: SortedSetLimits | None = None,
    ) -> None:
        self._redis = client
        self._limits = limits or SortedSetLimits()
        self._clock = clock
        self._time_source = time_source
        self._offset_ms: int | None = None
        self._offset_at_ms = 0
        self._trim_to: dict[InputUid, float | str] = {}

    async def compare_clocks(self) -> None:
        """Measure the offset of Redis' clock. A difference smaller than the round trip changes nothing."""
        before = self._clock.unix_ms()
        if self._offset_ms is not None and abs(before - self._offset_at_ms) < self._limits.clock_every_ms:
            return
        theirs = await self._time_source(self._redis)
        after = self._clock.unix_ms()
        # Redis read its clock about half-way through the round trip, as NTP assumes (RFC 5905 §8).
        offset = theirs - (before + after) // 2
        if self._offset_ms is None or abs(offset - self._offset_ms) > after - before + 1:
            self._offset_ms = offset
        self._offset_at_ms = after

    async def exchange(self, batch: list[tuple[Heartbeat, int]], asked: Sequence[tuple[InputUid, int]]) -> list[int]:
        """Send heartbeats, trim their streams, and count. One pipeline unless there are very many.

        `asked`: the streams, and the time of the oldest heartbeats to count. Counts are returned in this order.
        """
        offset = self._offset_ms or 0
        chunks = iter(_chunks(batch, offset, self._limits.zadd_chunk))
        # No MULTI: every command may be repeated alone, and Redis may serve others in between.
        pipeline = self._redis.pipeline(transaction=False)
        while part := list(islice(chunks, self._limits.pipeline_chunk // self._limits.zadd_chunk)):
            if len(pipeline):
                await pipeline.execute()
            for stream_uid, arguments in part:
                # GT: a heartbeat that is sent again never makes a visitor older than Redis knows.
                pipeline.execute_command("ZADD", _key(stream_uid), "GT", *arguments)
        streams = list(dict.fromkeys(stream_uid for (stream_uid, _), _ in batch))
        # "(" excludes the bound itself (ZRANGE BYSCORE): a visitor exactly that old is kept.
        expired = f"({self._clock.unix_ms() + offset - WINDOW_MS - TRIM_MARGIN_MS}"
        for stream_uid in streams:
            self._trim(pipeline, stream_uid, expired)
        for stream_uid, oldest_ms in asked:
            pipeline.zcount(_key(stream_uid), oldest_ms + offset, "+inf")
        if not len(pipeline):
            return []
        answers = await pipeline.execute()
        counts = answers[len(answers) - len(asked) :]
        trims = answers[len(answers) - len(asked) - 3 * len(streams) :]
        for at, stream_uid in enumerate(streams):
            next_cut = trims[3 * at + 1]
            self._trim_to[stream_uid] = next_cut[0][1] if next_cut else expired
        return [int(value) for value in counts]

    async def members(self, stream_uid: InputUid, since_ms: int) -> set[bytes]:
        """Return the visitors seen since then. ZSCAN returns every member that is present from its start to its end."""
        score = since_ms + (self._offset_ms or 0)
        found: set[bytes] = set()
        cursor = 0
        while True:
            cursor, scanned = await self._redis.zscan(_key(stream_uid), cursor, count=self._limits.scan_at_once)
            part = cast(list[tuple[bytes, float]], scanned)
            # ZSCAN may return a member twice: a set counts it once.
            found.update(member for member, at in part if at >= score)
            if cursor == 0:
                return found

    async def forget(self, stream_uid: InputUid) -> None:
        """Delete the stream's set."""
        self._trim_to.pop(stream_uid, None)
        await self._redis.delete(_key(stream_uid))

    def _trim(self, pipeline: Any, stream_uid: InputUid, expired: str) -> None:
        """Trim the set. The score of the next trim is read now: trimming by score spares visitors who have come back since."""
        if len(self._trim_to) > self._limits.max_cuts:
            self._trim_to.clear()
        key = _key(stream_uid)
        pipeline.zremrangebyscore(key, "-inf", self._trim_to.get(stream_uid, "-inf"))
        pipeline.zrange(
            key, "-inf", expired, byscore=True, offset=self._limits.trim_at_once - 1, num=1, withscores=True
        )
        pipeline.pexpire(key, EXPIRE_MS)


def _key(stream_uid: InputUid) -> str:
    # The braces keep all keys of a stream on one node of a cluster (Redis cluster specification, hash tags).
    return f"viewers:{{{stream_uid}}}"


def _chunks(
    batch: Iterable[tuple[Heartbeat, int]], offset: int, size: int
) -> Iterable[tuple[InputUid, list[int | bytes]]]:
    """Yield at most `size` heartbeats of a stream, as the arguments of one ZADD: score, member, score, member, …"""
    by_stream: dict[InputUid, list[int | bytes]] = {}
    for (stream_uid, visitor), at in batch:
        arguments = by_stream.setdefault(stream_uid, [])
        arguments += (at + offset, visitor)
        if len(arguments) == 2 * size:
            yield stream_uid, by_stream.pop(stream_uid)
    yield from by_stream.items()
