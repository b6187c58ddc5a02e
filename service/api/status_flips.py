"""Refresh the status of watched channels as soon as the log reports a change of it, also by another node."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from uuid import UUID

from providers.base import Spawn
from service.api.public_schemas import PATH, STATUS
from service.domain.errors import Unavailable
from service.domain.events.event import Event
from service.domain.events.ports import EventFeed
from service.domain.status.board import StatusBoard

_BEFORE, _, _AFTER = (PATH + STATUS).partition("{channel_id}")


class StatusFlips:
    """Implements `domain.events.ports.EventReader`, for the organizations whose channels are watched."""

    def __init__(self, feed: EventFeed, board: StatusBoard, spawn: Spawn) -> None:
        self._feed = feed
        self._board = board
        self._spawn = spawn
        self._uses: Counter[UUID] = Counter()
        self._opening: set[UUID] = set()

    def enter(self, organization_id: UUID) -> None:
        """Follow the organization's log until `leave`. Never waits: without the store, the board's own refresh is enough."""
        self._uses[organization_id] += 1
        if self._uses[organization_id] == 1 and organization_id not in self._opening:
            self._opening.add(organization_id)
            self._spawn(self._open(organization_id), name=f"status flips of organization {organization_id}")

    def leave(self, organization_id: UUID) -> None:
        """End one use."""
        self._uses[organization_id] -= 1
        if self._uses[organization_id] == 0:
            del self._uses[organization_id]
            if organization_id not in self._opening:
                self._feed.leave(organization_id, self)

    async def _open(self, organization_id: UUID) -> None:
        with suppress(Unavailable):
            await self._feed.follow(organization_id, self)
        self._opening.discard(organization_id)
        if not self._uses[organization_id]:
            self._feed.leave(organization_id, self)

    async def receive(self, event: Event) -> None:
        """Refresh the channel of a change of status."""
        before = _BEFORE.format(organization_id=event.organization_id)
        if event.channel.startswith(before) and event.channel.endswith(_AFTER):
            self._board.changed(event.organization_id, UUID(event.channel[len(before) : -len(_AFTER)]))

    def missed(self) -> None:
        """Do nothing: the board also refreshes at intervals."""
