"""A period while it runs: where its zero is on each clock, and whether the encoder's has fallen behind ours."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

MAX_LATE = 2.0
"""Seconds program time may fall behind the time of arrival: an encoder's clock may be slow."""

LATE_FOR_MS = 120_000
"""For how long all keyframes must be that late before a new period sets program time right: not a network's hiccup."""


@dataclass(slots=True)
class Run:
    """Its number, the tag time (ms) of its zero, where zero is on the media timeline (seconds), and the Unix time of zero."""

    number: int
    zero: int
    position: float
    program_zero: float
    _late_since: int | None = None

    def program_time(self, position: float) -> float:
        """The Unix time of a moment on the media timeline, in seconds."""
        return self.program_zero + position - self.position

    def first_tick(self, timescale: int) -> int:
        """The first whole tick at or after zero; float noise below a millionth of a tick is not a moment."""
        return ceil(self.position * timescale - 1e-6)

    def lags(self, time: int, arrived: float) -> bool:
        """Whether keyframes, this one at tag time `time` included, have come too late for so long that program time is wrong."""
        if arrived - self.program_zero - (time - self.zero) / 1000 <= MAX_LATE:
            self._late_since = None
        elif self._late_since is None:
            self._late_since = time
        return self._late_since is not None and time - self._late_since > LATE_FOR_MS
