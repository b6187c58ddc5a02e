"""An event log in memory, which a test can make unavailable."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import UTC, datetime
from uuid import UUID

from service.domain.errors import Unavailable
from service.domain.events.event import Action, Audience, Event, Head, Scope


class MemoryLog:
    """Implements `domain.events.ports.EventLog`."""

    def __init__(self) -> None:
        self.unavailable = False
        self.reads = 0
        """Calls of `events` so far."""
        self.head_reads = 0
        self._events: dict[UUID, list[Event]] = defaultdict(list)
        self._first: dict[UUID, int] = defaultdict(lambda: 1)
        self._last: dict[UUID, int] = defaultdict(int)

    def append(self, organization_id: UUID, channel: str = "/api/things", *, gap: int = 0) -> int:
        """Append an event after a gap of missing ids, and return its id."""
        self._last[organization_id] += 1 + gap
        id_ = self._last[organization_id]
        resource = {"id": str(id_)}
        audience = Audience(Scope.PUBLIC)
        new = Event(organization_id, channel, Action.ADDED, str(id_), resource, audience, None, id_, datetime.now(UTC))
        self._events[organization_id].append(new)
        return id_

    def purge(self, organization_id: UUID, up_to: int) -> None:
        self._events[organization_id] = [each for each in self._events[organization_id] if each.id > up_to]
        self._first[organization_id] = up_to + 1

    async def events(
        self, organization_id: UUID, after: int, limit: int, channels: Collection[str] = ()
    ) -> list[Event]:
        self._check()
        self.reads += 1
        found = [each for each in self._events[organization_id] if each.id > after]
        return [each for each in found if not channels or each.channel in channels][:limit]

    async def heads(self, organization_ids: Collection[UUID]) -> dict[UUID, Head]:
        self._check()
        self.head_reads += 1
        return {each: Head(self._first[each], self._last[each]) for each in organization_ids}

    async def purge_events(self, before: datetime, limit: int) -> int:
        raise NotImplementedError

    def _check(self) -> None:
        if self.unavailable:
            raise Unavailable("The store is unavailable.")
