"""The open period: its start on each clock, and whether the encoder's clock lags behind the system clock."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

MAX_LATE = 2.0
"""Seconds that program time may lag behind the time of arrival, because an encoder's clock is slow."""

LATE_FOR_MS = 120_000
"""Milliseconds for which all keyframes must be that late before a new period corrects program time. Network delays are shorter."""


@dataclass(slots=True)
class Period:
    """A period and its start on three clocks.

    Attributes:
        number: The number of the period.
        zero: Its start on the timeline of tags, in ms.
        position: Its start on the media timeline, in seconds.
        program_zero: The Unix time of its start, in seconds.
    """

    number: int
    zero: int
    position: float
    program_zero: float
    _late_since: int | None = None

    def program_time(self, position: float) -> float:
        """Return the Unix time of a position on the media timeline, both in seconds."""
        return self.program_zero + position - self.position

    def first_tick(self, timescale: int) -> int:
        """Return the first tick at or after the start. A float error below a millionth of a tick is ignored."""
        return ceil(self.position * timescale - 1e-6)

    def lags(self, time: int, arrived: float) -> bool:
        """Return whether keyframes, including this one at `time` ms, have been late for so long that program time is wrong."""
        if arrived - self.program_zero - (time - self.zero) / 1000 <= MAX_LATE:
            self._late_since = None
        elif self._late_since is None:
            self._late_since = time
        return self._late_since is not None and time - self._late_since > LATE_FOR_MS
