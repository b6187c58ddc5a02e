"""Deletes recordings by age and by their total size: the oldest first, never one that is pinned or being watched.

Only of a provider that knows all its recordings (`Provider.kept_recordings`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

import structlog

from providers.base import KeptRecording, Provider, Spawn
from service.clock import Clock
from service.domain.errors import NotFound, Unavailable, provider_errors
from service.domain.streams.recording_details import RecordingStore
from service.domain.streams.recordings import Recordings
from service.domain.streams.session import SessionStore

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class KeepLimits:
    """How long and how much is kept, and times in seconds."""

    keep: timedelta | None = None
    """Age from which recordings are deleted. None: at no age."""
    max_bytes: int | None = None
    """Total size over which the oldest recordings are deleted. None: no limit."""
    batch: int = 100
    """Recordings whose details are read at one time."""
    every: float = 600.0
    """Time between two sweeps."""

    @property
    def any(self) -> bool:
        """Whether there is a limit."""
        return self.keep is not None or self.max_bytes is not None


class RecordingRetention:
    """Call `start` once the provider runs."""

    def __init__(
        self,
        provider: Provider,
        recordings: Recordings,
        store: RecordingStore,
        owners: SessionStore,
        clock: Clock,
        spawn: Spawn,
        limits: KeepLimits,
    ) -> None:
        self._provider = provider
        self._recordings = recordings
        self._store = store
        self._owners = owners
        self._clock = clock
        self._spawn = spawn
        self._limits = limits
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start the background task, if there is a limit."""
        if self._limits.any:
            self._task = self._spawn(self._run(), name="recording retention")

    async def aclose(self) -> None:
        """Stop between two recordings. Safe to call twice."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def sweep(self) -> int:
        """Delete what is over the limits, and return the number of recordings. Errors: Unavailable."""
        with provider_errors():
            kept = sorted(self._provider.kept_recordings() or (), key=lambda each: (each.created, each.uid))
        surplus = 0 if self._limits.max_bytes is None else sum(each.size for each in kept) - self._limits.max_bytes
        expired_before = None if self._limits.keep is None else self._clock.now() - self._limits.keep
        deleted = 0
        async for each in self._unpinned(kept):
            if surplus <= 0 and (expired_before is None or each.created >= expired_before):
                break
            owner = await self._owners.input_owner(each.input_uid)
            # It still takes its space, so that younger recordings are deleted in its place.
            if each.is_watched or owner is None:
                continue
            with suppress(NotFound):
                await self._recordings.remove(*owner, each.uid)
                surplus -= each.size
                deleted += 1
        if deleted:
            log.info("recordings over the limits deleted", count=deleted)
        return deleted

    async def _unpinned(self, kept: list[KeptRecording]) -> AsyncIterator[KeptRecording]:
        for at in range(0, len(kept), self._limits.batch):
            some = kept[at : at + self._limits.batch]
            details = await self._store.recording_details([each.uid for each in some])
            for each in some:
                its = details.get(each.uid)
                if its is None or not its.is_pinned:
                    yield each

    async def _run(self) -> None:
        while True:
            with suppress(Unavailable):
                await self.sweep()
            await asyncio.sleep(self._limits.every)
