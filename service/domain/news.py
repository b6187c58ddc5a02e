"""Who waits for something new about a channel, and is woken when there is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

MINOR_GAP = 0.5
"""Seconds between two wake-ups for minor news: when a thousand visitors arrive, the count is not told a thousand times to each."""


class News:
    """Wakes its listeners: at once for major news, at most every MINOR_GAP for minor ones. What is new they look up themselves."""

    __slots__ = ("_listeners", "_timer", "_told_at", "closed")

    def __init__(self) -> None:
        self.closed = False
        self._listeners: set[Callable[[], None]] = set()
        self._told_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._listeners)

    def listen(self, wake: Callable[[], None]) -> None:
        """Call `wake`, which returns at once and does not raise, on all news from now on."""
        self._listeners.add(wake)

    def leave(self, wake: Callable[[], None]) -> None:
        """No more of it. Safe to call twice."""
        self._listeners.discard(wake)

    def announce(self, *, major: bool) -> None:
        """There is something new."""
        if not self._listeners:
            return
        loop = asyncio.get_running_loop()
        if major or loop.time() - self._told_at >= MINOR_GAP:
            self._tell()
        elif self._timer is None:
            self._timer = loop.call_at(self._told_at + MINOR_GAP, self._tell)

    def close(self) -> None:
        """There will be none any more: the last wake-up. Safe to call twice."""
        if not self.closed:
            self.closed = True
            self._tell()

    def _tell(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._listeners:
            self._told_at = asyncio.get_running_loop().time()
        for wake in list(self._listeners):
            wake()
