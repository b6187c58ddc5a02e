"""Heartbeats on their way to Redis: held until the next flush, remembered for one window, sent again if any may be lost."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from providers.base import InputUid
from service.clock import Clock
from service.domain.audience.viewer_window import WINDOW_MS

Heartbeat = tuple[InputUid, bytes]
"""Stream uid and visitor digest."""


@dataclass(frozen=True, slots=True)
class HeartbeatLimits:
    """Counts."""

    max_held: int = 50_000
    """Heartbeats gathered before they move to the remembered ones without waiting for a flush."""
    max_remembered: int = 200_000
    """Heartbeats kept for sending again (about 200 bytes each). Over the limit, the oldest are dropped."""


class Heartbeats:
    """`clock`: the clock of the heartbeats. `send_all`: what was sent may be lost, so the next `drain` returns all of it."""

    def __init__(self, clock: Clock, limits: HeartbeatLimits | None = None) -> None:
        self._clock = clock
        self._limits = limits or HeartbeatLimits()
        self._held: dict[Heartbeat, int] = {}
        # Not a cache of cachetools: `_read_clock` changes entries in place, and the oldest go by their time as well.
        self._remembered: OrderedDict[Heartbeat, int] = OrderedDict()
        self._last_time = 0
        self.send_all = False

    def add(self, heartbeat: Heartbeat, now_ms: int) -> None:
        """Hold a heartbeat for the next flush. Only a visitor's latest one is kept."""
        if now_ms > self._held.get(heartbeat, 0):
            self._held[heartbeat] = now_ms
        if len(self._held) >= self._limits.max_held:
            self._remember_held()
            self.send_all = True

    def drain(self) -> list[tuple[Heartbeat, int]]:
        """Return the heartbeats to send now: those held, or the whole window."""
        fresh = self._remember_held()
        if not self.send_all:
            return fresh
        self.send_all = False
        return list(self._remembered.items())

    def forget(self, stream_uid: InputUid) -> None:
        """Drop the heartbeats of a stream."""
        self._held = {beat: at for beat, at in self._held.items() if beat[0] != stream_uid}
        for beat in [beat for beat in self._remembered if beat[0] == stream_uid]:
            del self._remembered[beat]

    def _read_clock(self) -> int:
        """Return the time. If the clock was set back, move the remembered heartbeats back, too, or they would stay too long."""
        now, before = self._clock.unix_ms(), self._last_time
        self._last_time = now
        if now < before:
            for beat, at in self._remembered.items():
                self._remembered[beat] = at - (before - now)
        return now

    def _remember_held(self) -> list[tuple[Heartbeat, int]]:
        """Move the held heartbeats to the remembered ones, latest last. Return them, none of them later than now."""
        now = self._read_clock()
        oldest = now - WINDOW_MS
        fresh = [(beat, min(at, now)) for beat, at in self._held.items()]
        self._held.clear()
        for beat, at in fresh:
            if at > self._remembered.get(beat, 0):
                self._remembered[beat] = at
                self._remembered.move_to_end(beat)
        while self._remembered:
            beat = next(iter(self._remembered))
            if len(self._remembered) <= self._limits.max_remembered and self._remembered[beat] >= oldest:
                break
            self._remembered.popitem(last=False)
        return fresh
