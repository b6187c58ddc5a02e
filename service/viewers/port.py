"""The viewer count port. `redis.py` and `memory.py` implement it; `tests/contract/test_viewers.py` runs on both."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol

WINDOW_MS = 120_000
"""A visitor counts for this long after the last heartbeat: at now - 120.000 s it still counts, a millisecond later it does not."""


def unix_ms() -> int:
    """The clock heartbeats and counts go by: Unix time in ms."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class ViewerCount:
    """`value` visitors at the moment `as_of_ms` (Unix time). `degraded`: the store of counts is away, this is the last good one."""

    value: int
    as_of_ms: int
    degraded: bool = False


class ViewerWindow(Protocol):
    """Heartbeats in, counts out. Time is Unix time in ms, passed in by the caller."""

    def seen(self, stream_uid: str, visitor_id: str, now_ms: int) -> None:
        """Take a heartbeat. Never waits and never fails: it is coalesced in the process and flushed soon."""

    async def count(self, stream_uid: str, now_ms: int) -> ViewerCount:
        """Distinct visitors of the window that ends at `now_ms`, all heartbeats taken before this call included.

        Answers the last good count, marked degraded, when the store of counts is away.
        """

    async def visitors(self, stream_uid: str, since_ms: int) -> set[bytes]:
        """Digests of those whose newest heartbeat is not older than `since_ms`, as far as the window reaches back; all heartbeats
        taken before this call included. Errors: Unavailable.
        """

    async def forget(self, stream_uid: str) -> None:
        """Drop the stream's window (its live input was deleted)."""

    async def check(self) -> None:
        """Raise `service.domain.errors.Unavailable` when the store of counts is away (readiness)."""

    async def aclose(self) -> None:
        """Flush what is held and close; safe to call twice."""
