"""Deletes events that are older than the log keeps them, in small steps, so that writers do not wait."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

import structlog

from providers.base import Spawn
from service.clock import Clock
from service.domain.errors import Unavailable
from service.domain.events.ports import EventLog

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RetentionLimits:
    """Counts, and times in seconds unless they are a timedelta."""

    keep: timedelta = timedelta(days=7)
    """Age from which events are deleted."""
    step: int = 500
    """Events deleted in one transaction."""
    pause: float = 0.05
    """Time between two steps, for other writers: SQLite has one at a time."""
    every: float = 600.0
    """Time between two purges."""


class EventRetention:
    """Call `start`."""

    def __init__(self, events: EventLog, clock: Clock, spawn: Spawn, limits: RetentionLimits | None = None) -> None:
        self._events = events
        self._clock = clock
        self._spawn = spawn
        self._limits = limits or RetentionLimits()
        self._task: asyncio.Task[None] | None = None
        self.deleted = 0
        """Events deleted by this process."""

    def start(self) -> None:
        """Start the background task."""
        self._task = self._spawn(self._run(), name="event retention")

    async def aclose(self) -> None:
        """Stop between two steps. Safe to call twice."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def sweep(self) -> int:
        """Delete all events that are too old, and return their number. Raise Unavailable if the store does not answer."""
        before, total = self._clock.now() - self._limits.keep, 0
        while deleted := await self._events.purge_events(before, self._limits.step):
            total += deleted
            self.deleted += deleted
            await asyncio.sleep(self._limits.pause)
        if total:
            log.info("old events deleted", count=total)
        return total

    async def _run(self) -> None:
        while True:
            with suppress(Unavailable):
                await self.sweep()
            await asyncio.sleep(self._limits.every)
