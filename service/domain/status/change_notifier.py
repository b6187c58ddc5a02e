"""Wakes the listeners of a channel when its status changes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

MINOR_GAP = 0.5
"""Seconds between two wake-ups for minor changes, so that a thousand arriving visitors do not cause a thousand counts for each."""

MANY_LISTENERS = 2_000
"""Listeners from which the gap grows with their number: waking them takes time that new connections need, too."""

MAX_MINOR_GAP = 1.0
"""Seconds by which a minor change is delayed at most."""


def minor_gap(listeners: int) -> float:
    """Return the seconds between two wake-ups of that many listeners for minor changes."""
    return min(MAX_MINOR_GAP, MINOR_GAP * max(1.0, listeners / MANY_LISTENERS))


class ChangeNotifier:
    """Wakes its listeners: at once for major changes, at most every `minor_gap` for minor ones. They read the change themselves."""

    __slots__ = ("_listeners", "_timer", "_woken_at", "closed")

    def __init__(self) -> None:
        self.closed = False
        self._listeners: set[Callable[[], None]] = set()
        self._woken_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        """Return the number of listeners."""
        return len(self._listeners)

    def listen(self, wake: Callable[[], None]) -> None:
        """Call `wake` on every change from now on. It must return at once and must not raise."""
        self._listeners.add(wake)

    def leave(self, wake: Callable[[], None]) -> None:
        """Remove a listener. Safe to call twice."""
        self._listeners.discard(wake)

    def announce(self, *, major: bool) -> None:
        """Wake the listeners, or schedule it."""
        if not self._listeners:
            return
        loop = asyncio.get_running_loop()
        gap = minor_gap(len(self._listeners))
        if major or loop.time() - self._woken_at >= gap:
            self._wake_all()
        # One timer is enough: it covers every change until it fires.
        elif self._timer is None:
            self._timer = loop.call_at(self._woken_at + gap, self._wake_all)

    def close(self) -> None:
        """Wake the listeners for the last time. Safe to call twice."""
        if not self.closed:
            self.closed = True
            self._wake_all()

    def _wake_all(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._listeners:
            self._woken_at = asyncio.get_running_loop().time()
        # A copy: a listener may leave while it is woken.
        for wake in list(self._listeners):
            wake()
