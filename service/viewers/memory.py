"""The viewer window in the memory of one process: for tests, and for a machine without Redis."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from providers.base import InputUid
from service.domain.audience.viewer_window import WINDOW_MS, ViewerCount
from service.viewers.digest import VisitorDigests


@dataclass(frozen=True, slots=True)
class MemoryLimits:
    """Counts."""

    max_streams: int = 10_000
    """Streams with a window. Over the limit, the stream with the oldest heartbeat is dropped."""
    max_visitors: int = 1_000_000
    """Visitors of all streams together (about 150 bytes each). Over the limit, the oldest ones of the oldest stream are dropped."""


class _Window:
    """One stream's visitors, oldest heartbeat first unless `sorted` says otherwise."""

    __slots__ = ("newest", "seen", "sorted")

    def __init__(self) -> None:
        # Not a cache of cachetools: after a clock was set back it is sorted again.
        self.seen: OrderedDict[bytes, int] = OrderedDict()
        self.newest = 0
        self.sorted = True

    def add(self, visitor: bytes, now_ms: int) -> int:
        """Record a heartbeat and return how many visitors it added: 1 or 0."""
        before = self.seen.get(visitor)
        if before is not None and before >= now_ms:
            return 0
        self.seen[visitor] = now_ms
        self.seen.move_to_end(visitor)
        if now_ms < self.newest:  # the clock was set back
            self.sorted = False
        else:
            self.newest = now_ms
        return 1 if before is None else 0

    def drop_before(self, oldest_ms: int) -> int:
        """Drop heartbeats older than `oldest_ms` and return how many."""
        if not self.sorted:
            self.seen = OrderedDict(sorted(self.seen.items(), key=lambda item: item[1]))
            self.sorted = True
        dropped = 0
        while self.seen:
            visitor = next(iter(self.seen))
            if self.seen[visitor] >= oldest_ms:
                break
            del self.seen[visitor]
            dropped += 1
        return dropped


class MemoryViewers:
    """The in-memory counterpart of `RedisViewers`. It is never degraded, and its counts end with the process."""

    def __init__(self, *, digest_key: bytes, limits: MemoryLimits | None = None) -> None:
        self._digests = VisitorDigests(digest_key)
        self._limits = limits or MemoryLimits()
        self._windows: OrderedDict[InputUid, _Window] = OrderedDict()
        self._visitors = 0

    def seen(self, stream_uid: InputUid, visitor_id: str, now_ms: int) -> None:
        window = self._windows.get(stream_uid)
        if window is None:
            window = self._windows[stream_uid] = _Window()
            self._shed_streams()
        self._windows.move_to_end(stream_uid)
        self._visitors += window.add(self._digests.of(visitor_id), now_ms)
        if self._visitors > self._limits.max_visitors:
            self._shed_visitors()

    def _shed_streams(self) -> None:
        while len(self._windows) > self._limits.max_streams:
            _, window = self._windows.popitem(last=False)
            self._visitors -= len(window.seen)

    def _shed_visitors(self) -> None:
        uid, oldest = next(iter(self._windows.items()))
        oldest.seen.popitem(last=False)
        self._visitors -= 1
        if not oldest.seen:
            del self._windows[uid]

    async def count(self, stream_uid: InputUid, now_ms: int, since_ms: int = 0) -> ViewerCount:
        window = self._windows.get(stream_uid)
        if window is None:
            return ViewerCount(0, now_ms)
        self._visitors -= window.drop_before(now_ms - WINDOW_MS)
        if not window.seen:
            del self._windows[stream_uid]
        return ViewerCount(sum(at >= since_ms for at in window.seen.values()), now_ms)

    async def visitors(self, stream_uid: InputUid, since_ms: int) -> set[bytes]:
        window = self._windows.get(stream_uid)
        return set() if window is None else {visitor for visitor, at in window.seen.items() if at >= since_ms}

    async def forget(self, stream_uid: InputUid) -> None:
        window = self._windows.pop(stream_uid, None)
        if window is not None:
            self._visitors -= len(window.seen)

    async def check(self) -> None:
        """Return at once: memory is always available."""

    async def aclose(self) -> None:
        """Do nothing: there is nothing to close."""
