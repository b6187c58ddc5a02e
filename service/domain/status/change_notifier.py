"""Who waits for something new about a channel, and is woken when there is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

MINOR_GAP = 0.5
"""Seconds between two wake-ups for minor news: when a thousand visitors arrive, the count is not told a thousand times to each."""

CROWD = 2_000
"""Listeners from which on the gap grows with their number: telling them takes time, which those who arrive need too."""

MAX_MINOR_GAP = 1.0
"""Seconds; minor news is never older."""


def minor_gap(listeners: int) -> float:
    """Seconds between two wake-ups of so many for minor news."""
    return min(MAX_MINOR_GAP, MINOR_GAP * max(1.0, listeners / CROWD))


class ChangeNotifier:
    """Wakes its listeners: at once for major news, every `minor_gap` at most for minor. What is new they look up themselves."""

    __slots__ = ("_listeners", "_timer", "_woken_at", "closed")

    def __init__(self) -> None:
        self.closed = False
        self._listeners: set[Callable[[], None]] = set()
        self._woken_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        """How many listen."""
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
        gap = minor_gap(len(self._listeners))
        if major or loop.time() - self._woken_at >= gap:
            self._wake_all()
        elif self._timer is None:
            self._timer = loop.call_at(self._woken_at + gap, self._wake_all)

    def close(self) -> None:
        """There will be none any more: the last wake-up. Safe to call twice."""
        if not self.closed:
            self.closed = True
            self._wake_all()

    def _wake_all(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._listeners:
            self._woken_at = asyncio.get_running_loop().time()
        for wake in list(self._listeners):
            wake()
