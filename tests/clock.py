"""The clock of tests."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 20, 12, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class Clock:
    """A clock that only moves when the test says so. Implements `service.clock.Clock`; providers take one of its methods."""

    at: datetime = START

    def now(self) -> datetime:
        return self.at

    def unix_ms(self) -> int:
        return (self.at - EPOCH) // timedelta(milliseconds=1)

    def monotonic(self) -> float:
        """Return Unix seconds, which the tests never move back."""
        return self.at.timestamp()

    def advance(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)

    def set_back(self, seconds: float) -> None:
        self.at -= timedelta(seconds=seconds)
