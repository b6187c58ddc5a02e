"""The store as one thing to open, check and close; each part implements a port."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from providers.local.ownership.port import ALONE_DEAD_AFTER, DEAD_AFTER
from service.clock import Clock, SystemClock
from service.domain.events.event import Change, Describe, NewEvent
from service.domain.events.ports import CommitListener, Transaction
from service.store.accounts import StoredAccounts
from service.store.broadcasts import StoredBroadcasts
from service.store.channels import StoredChannels
from service.store.connections import Connections, OneTransaction
from service.store.database import Database
from service.store.direct import StoredDirects
from service.store.directory import StoredDirectory
from service.store.events import StoredEvents, append
from service.store.inboxes import StoredInboxes
from service.store.live_inputs import StoredClaims
from service.store.local_inputs import StoredInputs
from service.store.local_recordings import StoredLocalRecordings
from service.store.members import StoredMembers
from service.store.messages import StoredMessages
from service.store.ownership import StoredOwnership
from service.store.presence import StoredPresence
from service.store.purge import StoredPurge
from service.store.recordings import StoredRecordings
from service.store.sessions import StoredSessions
from service.store.webhook_queue import StoredQueue
from service.store.webhooks import StoredWebhooks

P = ParamSpec("P")
T = TypeVar("T")


class Stores:
    """The parts of the store."""

    def __init__(self, connections: Connections, clock: Clock) -> None:
        self.accounts = StoredAccounts(connections, clock)
        self.channels = StoredChannels(connections)
        self.claims = StoredClaims(connections)
        self.directory = StoredDirectory(connections)
        self.members = StoredMembers(connections)
        self.directs = StoredDirects(connections)
        self.messages = StoredMessages(connections)
        self.local_inputs = StoredInputs(connections)
        self.local_recordings = StoredLocalRecordings(connections)
        self.sessions = StoredSessions(connections)
        self.recordings = StoredRecordings(connections)
        self.presence = StoredPresence(connections)
        self.purge = StoredPurge(connections)
        self.events = self.positions = StoredEvents(connections)
        self.broadcasts = self.findings = StoredBroadcasts(connections)
        self.webhooks = StoredWebhooks(connections)
        self.webhook_queue = StoredQueue(connections)


class StoreTransaction(Stores):
    """Implements the transaction of each subject of the domain, such as `domain.streams.ports.StreamTransaction`."""

    def __init__(self, connection: AsyncConnection, describe: Describe, clock: Clock) -> None:
        super().__init__(OneTransaction(connection), clock)
        self.inboxes = StoredInboxes(connection)
        self._describe = describe
        self.recorded: list[NewEvent] = []
        """The events to append at the end."""

    def record(self, change: Change) -> None:
        self.recorded += self._describe(change)

    def append(self, event: NewEvent) -> None:
        self.recorded.append(event)


class Store(Stores):
    """All stores of the service. Needs a database with the newest schema (`migrate`).

    Implements `domain.events.ports.Transactions` and `domain.inboxes.ports.InboxStore`.
    """

    def __init__(self, url: str, describe: Describe | None = None, clock: Clock | None = None) -> None:
        """Open nothing yet. `describe` gives changes their form in the log (`service.api.changes.describe`)."""
        self.database = Database(url)
        self._clock = clock or SystemClock()
        super().__init__(self.database, self._clock)
        alone = self.database.dialect == "sqlite"
        self.ownership = StoredOwnership(self.database, ALONE_DEAD_AFTER if alone else DEAD_AFTER)
        self._describe = describe or _without_form
        self._listeners: list[CommitListener] = []
        self.events_written = 0
        """Events that this process has committed."""
        self._delivery_listeners: list[Callable[[], None]] = []

    def on_commit(self, listener: CommitListener) -> None:
        """Call `listener` from now on, after every transaction with events."""
        self._listeners.append(listener)

    def on_delivery(self, listener: Callable[[], None]) -> None:
        """Call `listener` from now on, after every transaction with events for the webhook of an inbox."""
        self._delivery_listeners.append(listener)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[StoreTransaction]:
        async with self.database.transaction() as connection:
            transaction = StoreTransaction(connection, self._describe, self._clock)
            yield transaction
            heads = await append(connection, transaction.recorded, self._clock)
        self.events_written += sum(number for _, _, number in heads)
        for organization_id, last_id, _ in heads:
            for listener in self._listeners:
                listener(organization_id, last_id)
        if transaction.inboxes.has_deliveries:
            for wake in self._delivery_listeners:
                wake()

    @asynccontextmanager
    async def reading_inboxes(self) -> AsyncIterator[StoredInboxes]:
        async with self.database.reading() as connection:
            yield StoredInboxes(connection)

    async def check(self) -> None:
        """Return if the database answers, for the readiness probe. Raise `domain.errors.Unavailable` if not."""

        async def query(connection: AsyncConnection) -> None:
            await connection.execute(text("SELECT 1"))

        await self.database.read(query)

    async def aclose(self) -> None:
        """Close all connections. Safe to call twice."""
        await self.database.aclose()


def with_all_stores(
    hook: Callable[Concatenate[StoreTransaction, P], T],
) -> Callable[Concatenate[Transaction, P], T]:
    """Return a function that calls `hook` in the transaction of another subject.

    A subject's transaction names only the stores that the subject knows. In fact it is a `StoreTransaction`, which has all.
    """

    def call(tx: Transaction, /, *args: P.args, **kwargs: P.kwargs) -> T:
        if not isinstance(tx, StoreTransaction):
            raise TypeError(f"a transaction of this store is required, not {type(tx).__name__}")
        return hook(tx, *args, **kwargs)

    return call


def _without_form(change: Change) -> Sequence[NewEvent]:
    raise RuntimeError(f"this store was opened without a form for its events: {type(change).__name__}")
