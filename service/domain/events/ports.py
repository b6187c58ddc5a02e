"""Ports of the event log: the unit of work, the log itself, and the bus that wakes its readers."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol, TypeVar
from uuid import UUID

from service.domain.events.event import Change, Event, Head, NewEvent

T_co = TypeVar("T_co", covariant=True)


class Transaction(Protocol):
    """One transaction of the store. Subjects extend it by the stores that they need, such as `streams.ports.StreamTransaction`.

    These stores read and write in it; the other stores must not be used meanwhile. Everything is committed together at the end of
    the block, or nothing is. Do not await anything but these stores in the block: on SQLite, all other writers wait for it.
    """

    def record(self, change: Change) -> None:
        """Record a change. Its events are appended to the log at the end of the transaction, in the order of the calls.

        Args:
            change: The change. Nothing of it is logged if the transaction is rolled back.
        """

    def append(self, event: NewEvent) -> None:
        """Append an event as it is. As `record`.

        Args:
            event: The event. It is left out if it has a source and the log has an event of that source already.
        """


class PositionStore(Protocol):
    """Up to where a reader has handled the reports in the logs: the events with a source."""

    async def unhandled(self, reader: str, limit: int) -> list[Event]:
        """Return the next reports for a reader. One without a position starts at the beginning of the log.

        Args:
            reader: The name of the reader.
            limit: Reports to return at most.

        Returns:
            Reports after the reader's positions, in order within each organization.

        Raises:
            Unavailable: The store does not answer.
        """

    async def move_position(self, reader: str, organization_id: UUID, event_id: int) -> None:
        """Move the reader's position in a log forward, after it has handled that event. It never moves back.

        Args:
            reader: The name of the reader.
            organization_id: The organization whose log it is.
            event_id: The id of the last event that was handled.

        Raises:
            Unavailable: The store does not answer.
        """


class Transactions(Protocol[T_co]):
    """Opens transactions of a subject."""

    def transaction(self) -> AbstractAsyncContextManager[T_co]:
        """Begin a transaction that is committed at the end of the block, or rolled back after an exception.

        Returns:
            A context manager for `async with`, which gives the transaction.

        Raises:
            Unavailable: The store does not answer, or is busy.
        """


class EventLog(Protocol):
    """The log. Every method may raise `errors.Unavailable`."""

    async def events(
        self, organization_id: UUID, after: int, limit: int, channels: Collection[str] = ()
    ) -> list[Event]:
        """Return the next events of an organization, in the order of their ids.

        No event with a smaller id appears later, in spite of concurrent writers.

        Args:
            organization_id: The organization.
            after: The id of the last event that is not returned; 0 for the beginning.
            limit: Events to return at most.
            channels: Only events of these channels; all if it is empty.
        """

    async def heads(self, organization_ids: Collection[UUID]) -> dict[UUID, Head]:
        """Return the ends of logs.

        Args:
            organization_ids: The organizations.

        Returns:
            The ends of each organization's log; `Head(1, 0)` for one without events.
        """

    async def purge_events(self, before: datetime, limit: int) -> int:
        """Delete old events, oldest first.

        Args:
            before: Events that were created before this time are deleted.
            limit: The most events to delete, apart from those whose times are out of order.

        Returns:
            The number of deleted events; 0 when none is older.
        """


CommitListener = Callable[[UUID, int], None]
"""Called with an organization and the id of its last event after a commit. Must not wait or raise."""


class EventBus(Protocol):
    """Wakes the readers of the log on all nodes. A message may be lost: a reader also reads the log every second or two."""

    def publish(self, organization_id: UUID, last_id: int) -> None:
        """Report a commit. Return at once; never raise.

        Args:
            organization_id: The organization whose log has grown.
            last_id: The id of its last event.
        """

    def listen(self, listener: CommitListener) -> None:
        """Call `listener` from now on, for the commits of this node and of the others.

        Args:
            listener: Must not wait or raise.
        """


class EventReader(Protocol):
    """Receives the events of an organization as they are committed, in order."""

    async def receive(self, event: Event) -> None:
        """Receive an event. The next one follows when this returns.

        Args:
            event: The event. It may have been received before.

        Raises:
            Unavailable: It could not be received now. It is handed out again, also to the readers that have received it.
        """

    def missed(self) -> None:
        """Note that events were purged before they could be read."""


class EventFeed(Protocol):
    """New events, read once for all readers in this process."""

    async def follow(self, organization_id: UUID, reader: EventReader) -> int:
        """Begin to call `reader`.

        Args:
            organization_id: The organization whose events it receives.
            reader: The reader, called until `leave`.

        Returns:
            The id of the last event before the first one that the reader receives.

        Raises:
            Unavailable: The log cannot be read.
        """

    def leave(self, organization_id: UUID, reader: EventReader) -> None:
        """Call `reader` no more. One that does not follow is no error.

        Args:
            organization_id: The organization that it follows.
            reader: The reader.
        """
