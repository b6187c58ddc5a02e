"""Measures keyframe intervals by the encoder's timestamps."""

from __future__ import annotations

from collections import deque
from statistics import median_high

INTERVALS_KEPT = 64
"""Keyframe intervals from which the typical one is computed."""


class Cadence:
    """The keyframe intervals of one encoder. `interval` is the last one in seconds; None before the second keyframe."""

    def __init__(self) -> None:
        self.interval: float | None = None
        self._last: int | None = None
        self._intervals: deque[float] = deque(maxlen=INTERVALS_KEPT)

    def keyframe(self, time: int) -> None:
        """Record a keyframe at `time` ms."""
        if self._last is not None:
            self.interval = (time - self._last) / 1000
            self._intervals.append(self.interval)
        self._last = time

    def interrupt(self) -> None:
        """Do not count the time until the next keyframe as an interval."""
        self._last = None

    @property
    def typical(self) -> float | None:
        """The median of the last intervals in seconds; None before the second keyframe.

        Of two middle values it is the longer one, because keyframes at scene cuts only shorten intervals.
        """
        return median_high(self._intervals) if self._intervals else None
