"""The new events of each organization, read once for all readers in this process.

    bus, or the check every second or two ─▶ one task per organization with readers: log ─▶ each reader, in order

A commit elsewhere is found by the bus within milliseconds. The bus may lose messages, so one query also checks the ends of all
followed logs at intervals. Events that were not read yet stay in the log: nothing is buffered here beyond one page.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from uuid import UUID

import structlog

from providers.base import Spawn
from service.domain.errors import Unavailable
from service.domain.events.event import Event
from service.domain.events.ports import EventLog, EventReader

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class TailLimits:
    """Counts, and times in seconds."""

    check_every: float = 1.5
    """Interval at which the ends of all followed logs are read, for commits that the bus did not report."""
    page: int = 200
    """Events read at once."""
    retry_after: float = 0.5
    """Delay after a failed read."""


@dataclass(eq=False)
class _Tail:
    """The readers of one organization's log.

    `position`: everything up to this id has been received by all of them. `wanted`: the last id that is known to be committed.
    """

    organization_id: UUID
    position: int
    wanted: int = 0
    readers: list[EventReader] = field(default_factory=list)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None


class Tails:
    """Implements `domain.events.ports.EventFeed`. `wake` is the listener of the bus."""

    def __init__(self, events: EventLog, spawn: Spawn, limits: TailLimits | None = None) -> None:
        self._events = events
        self._spawn = spawn
        self._limits = limits or TailLimits()
        self._tails: dict[UUID, _Tail] = {}
        self._checker: asyncio.Task[None] | None = None
        self._closed = False

    def wake(self, organization_id: UUID, last_id: int) -> None:
        """Read the organization's log, if there are readers and they have not received this event. A `CommitListener`."""
        tail = self._tails.get(organization_id)
        if tail is not None and last_id > max(tail.position, tail.wanted):
            tail.wanted = last_id
            tail.wake.set()

    def follows(self, organization_id: UUID) -> bool:
        """Return whether the organization's log has readers here."""
        return organization_id in self._tails

    async def follow(self, organization_id: UUID, reader: EventReader) -> int:
        if organization_id not in self._tails:
            head = (await self._events.heads([organization_id]))[organization_id]
            # Another reader may have started the tail during the query.
            if organization_id not in self._tails:
                self._start(_Tail(organization_id, head.last_id))
        tail = self._tails[organization_id]
        tail.readers.append(reader)
        return tail.position

    def leave(self, organization_id: UUID, reader: EventReader) -> None:
        tail = self._tails.get(organization_id)
        if tail is None or reader not in tail.readers:
            return
        tail.readers.remove(reader)
        if not tail.readers:
            del self._tails[organization_id]
            if tail.task is not None:
                tail.task.cancel()

    async def aclose(self) -> None:
        """Stop reading. Safe to call twice."""
        self._closed = True
        running = [tail.task for tail in self._tails.values()] + [self._checker]
        tasks = [task for task in running if task is not None]
        self._tails.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, tail: _Tail) -> None:
        if self._closed:
            raise Unavailable("The service is stopping.")
        self._tails[tail.organization_id] = tail
        tail.task = self._spawn(self._read(tail), name=f"events of organization {tail.organization_id}")
        if self._checker is None:
            self._checker = self._spawn(self._check(), name="check of the event logs")

    async def _read(self, tail: _Tail) -> None:
        while True:
            await tail.wake.wait()
            tail.wake.clear()
            wanted = tail.wanted
            try:
                await self._read_to_end(tail)
                tail.position = max(tail.position, wanted)  # its events may be missing: gaps between ids are usual
            except Unavailable as failure:
                log.warning("events not read", organization=str(tail.organization_id), reason=failure.detail)
                await asyncio.sleep(self._limits.retry_after)
                tail.wake.set()

    async def _read_to_end(self, tail: _Tail) -> None:
        """Hand out all events after the position. One that a reader fails to receive (Unavailable) is handed out again."""
        while True:
            page = await self._events.events(tail.organization_id, tail.position, self._limits.page)
            if page and page[0].id > tail.position + 1 and await self._is_purged(tail):
                for reader in list(tail.readers):
                    reader.missed()
            for event in page:
                await self._hand_out(tail, event)
            # A short page is the end: ids are given in commit order, so none below the last one can appear later.
            if len(page) < self._limits.page:
                return

    async def _hand_out(self, tail: _Tail, event: Event) -> None:
        """Give the event to every reader, also to those that begin to follow meanwhile: their position is the one before."""
        received: list[EventReader] = []
        while left := [reader for reader in tail.readers if reader not in received]:
            for reader in left:
                await reader.receive(event)
                received.append(reader)
        tail.position = event.id

    async def _is_purged(self, tail: _Tail) -> bool:
        """Return whether events after the position were purged."""
        head = (await self._events.heads([tail.organization_id]))[tail.organization_id]
        return head.first_id - 1 > tail.position

    async def _check(self) -> None:
        while True:
            await asyncio.sleep(self._limits.check_every)
            if not self._tails:
                continue
            try:
                heads = await self._events.heads(list(self._tails))
            except Unavailable:
                continue
            for organization_id, head in heads.items():
                self.wake(organization_id, head.last_id)
