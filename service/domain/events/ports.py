"""Ports of the event log: the unit of work, the log itself, and the bus that wakes its readers."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol
from uuid import UUID

from service.domain.conversation.ports import MemberStore, MessageStore
from service.domain.events.changes import Change
from service.domain.events.event import Event, Head, NewEvent
from service.domain.ports import ChannelStore, ClaimStore


class Transaction(Protocol):
    """One transaction of the store. Its stores read and write in it; the other stores must not be used meanwhile.

    Everything is committed together at the end of the block, or nothing is. Do not await anything but these stores in the block: on
    SQLite, all other writers wait for it.
    """

    @property
    def channels(self) -> ChannelStore: ...

    @property
    def claims(self) -> ClaimStore: ...

    @property
    def members(self) -> MemberStore: ...

    @property
    def messages(self) -> MessageStore: ...

    def record(self, change: Change) -> None:
        """Record a change. Its events are appended to the log at the end of the transaction, in the order of the calls."""

    def append(self, event: NewEvent) -> None:
        """Append an event as it is. As `record`."""


class Transactions(Protocol):
    """Opens transactions."""

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """Begin a transaction that is committed at the end of the block, or rolled back after an exception.

        Raises:
            Unavailable: The store does not answer, or is busy.
        """


class EventLog(Protocol):
    """The log. Every method may raise `errors.Unavailable`."""

    async def events(self, organization_id: UUID, after: int, limit: int) -> list[Event]:
        """Return up to `limit` events with an id above `after`, in order.

        No event with a smaller id appears later, in spite of concurrent writers.
        """

    async def heads(self, organization_ids: Collection[UUID]) -> dict[UUID, Head]:
        """Return the ends of the logs of these organizations; `Head(1, 0)` for one without events."""

    async def purge_events(self, before: datetime, limit: int) -> int:
        """Delete up to `limit` events that are older, oldest first, and return their number."""


CommitListener = Callable[[UUID, int], None]
"""Called with an organization and the id of its last event after a commit. Must not wait or raise."""


class EventBus(Protocol):
    """Wakes the readers of the log on all nodes. A message may be lost: a reader also reads the log every second or two."""

    def publish(self, organization_id: UUID, last_id: int) -> None:
        """Report a commit (`CommitListener`). Return at once; never raise."""

    def listen(self, listener: CommitListener) -> None:
        """Call `listener` from now on, for the commits of this node and of the others."""
