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
    ahead: timedelta = timedelta()
    """How far the monotonic time is ahead of the time of day, which was set back."""

    def now(self) -> datetime:
        return self.at

    def unix(self) -> float:
        """Return the Unix time in seconds."""
        return self.at.timestamp()

    def unix_ms(self) -> int:
        return (self.at - EPOCH) // timedelta(milliseconds=1)

    def monotonic(self) -> float:
        """Return seconds from an unspecified start. `set_back` does not change them."""
        return (self.at + self.ahead).timestamp()

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.at += timedelta(seconds=seconds)

    def set_back(self, seconds: float) -> None:
        """Set the time of day back, as an operator or NTP does; a negative number sets it forward."""
        self.at -= timedelta(seconds=seconds)
        self.ahead += timedelta(seconds=seconds)


class RunningClock(Clock):
    """The computer's time, until the test moves or stops it."""

    def __init__(self) -> None:
        self._offset = timedelta()
        self._stopped: datetime | None = None

    @property
    def at(self) -> datetime:  # type: ignore[override]
        return (self._stopped or datetime.now(UTC)) + self._offset

    @at.setter
    def at(self, moment: datetime) -> None:
        self._offset += moment - self.at

    def stop(self) -> None:
        """Stand still from now on."""
        self._stopped = datetime.now(UTC)
