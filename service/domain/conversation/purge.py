"""What deleted channels leave behind: a stream that could not be ended at once, and what was said.

    a channel is deleted ─▶ wake ─▶ one task: end streams; forget a batch, a pause, a batch, … until nothing is left; then it waits

Forgetting goes in small steps, so that nobody who speaks meanwhile waits for it. What a stop or an outage left over is taken up at
the next start, or SWEEP_EVERY seconds later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Protocol
from uuid import UUID

import structlog

from providers.base import Spawn
from service.domain.errors import Unavailable

log = structlog.get_logger(__name__)

BATCH = 500
"""Messages forgotten in one transaction."""

PAUSE = 0.05
"""Seconds between two of them: the others' turn, on a database that has one writer at a time."""

SWEEP_EVERY = 60.0
"""Seconds after which to look again without having been told."""


class PurgeStore(Protocol):
    """Every method may raise `errors.Unavailable`."""

    async def purge_messages(self, limit: int) -> bool:
        """Delete up to `limit` messages of a deleted channel for good. False when there was no such channel."""


class Purge:
    """Hand `channel_deleted` to the channels, then `start`."""

    def __init__(self, store: PurgeStore, end_streams: Callable[[], Awaitable[int]], spawn: Spawn) -> None:
        self._store = store
        self._end_streams = end_streams
        self._spawn = spawn
        self._wanted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Take up what is left from before; the streams later, for the provider need not have started."""
        self._task = self._spawn(self._sweep_forever(), name="sweeper")

    async def aclose(self) -> None:
        """Stop between two batches. Safe to call twice."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def channel_deleted(self, _channel_id: UUID) -> None:
        """`domain.channels.DeleteListener`. Returns at once."""
        self._wanted.set()

    async def sweep(self) -> None:
        """Forget everything there is to forget. Errors: Unavailable."""
        batches = 0
        while await self._store.purge_messages(BATCH):
            batches += 1
            await asyncio.sleep(PAUSE)
        if batches:
            log.info("messages of deleted channels forgotten", batches=batches)

    async def _sweep_forever(self) -> None:
        while True:
            self._wanted.clear()
            with suppress(Unavailable):
                await self.sweep()
            with suppress(TimeoutError):
                async with asyncio.timeout(SWEEP_EVERY):
                    await self._wanted.wait()
            with suppress(Unavailable):
                await self._end_streams()
