"""How far apart keyframes are, by the encoder's timestamps."""

from __future__ import annotations

from collections import deque
from statistics import median_high

INTERVALS_KEPT = 64
"""Keyframe intervals that the typical one is taken from."""


class Cadence:
    """`interval`: the last keyframe interval, in seconds; None before the second keyframe."""

    def __init__(self) -> None:
        self.interval: float | None = None
        self._last: int | None = None
        self._intervals: deque[float] = deque(maxlen=INTERVALS_KEPT)

    def keyframe(self, time: int) -> None:
        """There is one at this time (ms)."""
        if self._last is not None:
            self.interval = (time - self._last) / 1000
            self._intervals.append(self.interval)
        self._last = time

    def interrupt(self) -> None:
        """The time until the next keyframe is not an interval of the encoder's."""
        self._last = None

    @property
    def typical(self) -> float | None:
        """The median of the last intervals, in seconds; None before the second keyframe.

        Of two middle values it is the longer: keyframes at scene cuts only shorten intervals.
        """
        return median_high(self._intervals) if self._intervals else None
