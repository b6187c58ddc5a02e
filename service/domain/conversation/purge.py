"""Purges what deletions leave behind: messages of channels, streams that could not be ended at once, media of recordings.

It also sweeps up what ends by itself: leases of calls.

    a channel is deleted ─▶ wake ─▶ one task: end streams, delete media; purge a batch, pause, … until nothing is left; wait

Batches are small, so that new messages do not wait for them. What a stop or an outage leaves over is purged at the next start, or
`sweep_every` seconds later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

import structlog

from providers.base import Spawn
from service.domain.errors import Unavailable

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class PurgeLimits:
    """Counts, and times in seconds."""

    batch: int = 500
    """Messages purged in one transaction."""
    pause: float = 0.05
    """Time between two batches, for other writers: SQLite has one at a time."""
    sweep_every: float = 60.0
    """Time between two purges without a deletion."""


class PurgeStore(Protocol):
    """Deletes messages of deleted channels. Every method may raise `errors.Unavailable`."""

    async def purge_messages(self, limit: int) -> bool:
        """Delete up to `limit` messages of one deleted channel permanently.

        Returns:
            False if no deleted channel has messages left.
        """


class Purge:
    """Register `channel_deleted` at the channels, then call `start`."""

    def __init__(
        self,
        store: PurgeStore,
        sweeps: Sequence[Callable[[], Awaitable[int]]],
        spawn: Spawn,
        limits: PurgeLimits | None = None,
    ) -> None:
        """`sweeps`: what else is repeated until it succeeds. Each may raise Unavailable."""
        self._limits = limits or PurgeLimits()
        self._store = store
        self._sweeps = sweeps
        self._spawn = spawn
        self._wanted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start the background task. It purges messages first: the provider may not have started yet."""
        self._task = self._spawn(self._run(), name="purge")

    async def aclose(self) -> None:
        """Stop between two batches. Safe to call twice."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def channel_deleted(self, _channel_id: UUID) -> None:
        """Wake the task. See `channels.DeleteListener`."""
        self._wanted.set()

    async def sweep(self) -> None:
        """Purge all messages of deleted channels. Raise Unavailable if the store does not answer."""
        batches = 0
        while await self._store.purge_messages(self._limits.batch):
            batches += 1
            await asyncio.sleep(self._limits.pause)
        if batches:
            log.info("messages of deleted channels purged", batches=batches)

    async def _run(self) -> None:
        while True:
            self._wanted.clear()
            with suppress(Unavailable):
                await self.sweep()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._limits.sweep_every):
                    await self._wanted.wait()
            for sweep in self._sweeps:
                with suppress(Unavailable):
                    await sweep()
