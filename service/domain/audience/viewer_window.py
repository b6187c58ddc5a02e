"""The viewer count port. `redis.py` and `memory.py` implement it; `tests/contract/test_viewers.py` runs on both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from providers.base import InputUid

WINDOW_MS = 120_000
"""A visitor counts for this long after the last heartbeat: at now - 120.000 s it still counts, a millisecond later it does not."""


@dataclass(frozen=True, slots=True)
class ViewerCount:
    """`value` visitors at the moment `as_of_ms` (Unix time). `degraded`: Redis is unavailable, this is the last good count."""

    value: int
    as_of_ms: int
    degraded: bool = False


class ViewerWindow(Protocol):
    """Heartbeats in, counts out. Times are Unix time in ms, passed in."""

    def seen(self, stream_uid: InputUid, visitor_id: str, now_ms: int) -> None:
        """Record a heartbeat. It is coalesced in the process and flushed soon, so this never waits and never fails.

        Args:
            stream_uid: The live input that the visitor watches.
            visitor_id: The visitor. Only a keyed digest of it is kept.
            now_ms: The time of the heartbeat, in ms.
        """

    async def count(self, stream_uid: InputUid, now_ms: int, since_ms: int = 0) -> ViewerCount:
        """Count the visitors of the window that ends at `now_ms`.

        Args:
            stream_uid: The live input.
            now_ms: The end of the window, in ms.
            since_ms: When the broadcast began. Earlier heartbeats are of another one and do not count.

        Returns:
            The distinct visitors, including all heartbeats recorded before this call. While Redis is unavailable, the last good
            count, marked as degraded.
        """

    async def visitors(self, stream_uid: InputUid, since_ms: int) -> set[bytes]:
        """Read the visitors whose latest heartbeat is not older than `since_ms`.

        Args:
            stream_uid: The live input.
            since_ms: The earliest heartbeat, in ms; at most the length of the window ago.

        Returns:
            Digests of DIGEST_SIZE bytes, including all heartbeats recorded before this call.

        Raises:
            Unavailable: Redis does not answer.
        """

    async def forget(self, stream_uid: InputUid) -> None:
        """Delete the window of a stream whose live input was deleted. Never fails: without Redis, the window expires by itself.

        Args:
            stream_uid: The live input.
        """

    async def check(self) -> None:
        """Return if counts can be read, for the readiness probe.

        Raises:
            Unavailable: Redis does not answer.
        """

    async def aclose(self) -> None:
        """Flush the heartbeats that are held, and close. Safe to call twice."""
