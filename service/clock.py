"""The service's clock: what everything that reads the time is given, so that tests can set it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """The time of day, in the two forms that the service uses, and a time that only moves forward."""

    def now(self) -> datetime:
        """Return the time of stored data, in UTC."""

    def unix_ms(self) -> int:
        """Return the time of heartbeats, counts and rate limits: Unix time in ms."""

    def monotonic(self) -> float:
        """Return seconds since an unspecified start, for the lifetime of cached values."""


class SystemClock:
    """The clock of the computer."""

    def now(self) -> datetime:
        """Return the current time in UTC."""
        return datetime.now(UTC)

    def unix_ms(self) -> int:
        """Return the current Unix time in ms."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Return `time.monotonic()`."""
        return time.monotonic()
