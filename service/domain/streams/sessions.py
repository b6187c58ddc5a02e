"""Stream sessions: a period of a channel's streaming with a start and an end, its recordings and its audience.

Invariant: a channel has at most one running session, however many clients start one at the same time, in any number of processes.
The store's unique key decides which start was first. All clients get that session.

A session is started and stopped over the API, and also when an encoder connects and when its broadcast ends
(`session_keeper.py`, which also counts the audience).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID, uuid4

from providers.base import InputUid, Recording
from service.clock import Clock
from service.domain.entities import Channel
from service.domain.errors import Unavailable
from service.domain.events.changes import Place, SessionAdded, SessionChanged
from service.domain.events.ports import Transaction, Transactions
from service.domain.paging import Page, PageAnchor, PageRequest, cut

EARLY = timedelta(seconds=30)
"""How much older than its session a recording may be: providers date it from the encoder's connect, before the event arrives."""

MAX_SESSIONS_OF_PAGE = 1_000
"""Sessions read to find those of one page of recordings, newest first."""

START_ATTEMPTS = 5
"""Attempts to start a session while other clients keep stopping it."""


@dataclass(frozen=True, slots=True)
class StreamSession:
    """`stopped_at` is None while it runs. `by_encoder`: an encoder started it. Viewers: the most at once, and all distinct ones."""

    id: UUID
    organization_id: UUID
    channel_id: UUID
    by_encoder: bool
    started_at: datetime
    stopped_at: datetime | None = None
    peak_viewers: int = 0
    unique_viewers: int = 0


@dataclass(frozen=True, slots=True)
class RunningSession:
    """A running session and the uid of its channel's live input; None while it has none."""

    session: StreamSession
    input_uid: InputUid | None


class SessionStore(Protocol):
    """Stream sessions. Every method may raise `errors.Unavailable`."""

    async def open_session(self, new: StreamSession) -> bool:
        """Store a new session.

        Returns:
            False if its channel has a running one; nothing is stored then.
        """

    async def running_session(self, channel_id: UUID) -> StreamSession | None:
        """Return the channel's running session, or None."""

    async def close_session(self, session_id: UUID, at: datetime) -> StreamSession | None:
        """End a session and delete its visitors, keeping their number.

        Returns:
            The session; None if it was not running.
        """

    async def running_sessions(self, limit: int) -> list[RunningSession]:
        """Return up to `limit` running sessions, oldest first."""

    async def input_owner(self, input_uid: InputUid) -> tuple[UUID, UUID] | None:
        """Return the organization and the channel of a live input, current or retired; None if it is unknown."""

    async def note_audience(self, session_id: UUID, viewers: int, visitors: Collection[bytes]) -> None:
        """Add to the audience of a session, if it is running.

        Args:
            session_id: The session.
            viewers: The viewers at this time. The session keeps the largest number.
            visitors: Digests of visitors, new or not.
        """

    async def sessions_between(
        self, channel_id: UUID, begin: datetime, end: datetime, limit: int
    ) -> list[StreamSession]:
        """Return up to `limit` sessions that ran at any time from `begin` to `end`, newest first."""

    async def sessions(self, channel_id: UUID, request: PageRequest) -> list[StreamSession]:
        """Return up to `request.size` + 1 sessions, newest first, nearest to the anchor first (see `paging.cut`)."""


class SessionCloser(Protocol):
    """Ends sessions."""

    async def finish(self, session: StreamSession, input_uid: InputUid | None, at: datetime) -> None:
        """Count the audience for the last time, then close the session."""


class Sessions:
    """Starts, stops and lists stream sessions. Every method may raise Unavailable."""

    def __init__(self, store: SessionStore, transactions: Transactions, closer: SessionCloser, clock: Clock) -> None:
        self._store = store
        self._transactions = transactions
        self._closer = closer
        self._clock = clock

    async def start(self, channel: Channel) -> StreamSession:
        """Return the channel's running session, started if there is none."""
        at = self._clock.now()
        async with self._transactions.transaction() as tx:
            return await open_session(tx, channel.organization_id, channel.id, at, by_encoder=False)

    async def stop(self, channel: Channel, input_uid: InputUid | None) -> None:
        """End the channel's running session, if there is one. `input_uid`: the channel's live input."""
        running = await self._store.running_session(channel.id)
        if running is not None:
            await self._closer.finish(running, input_uid, self._clock.now())

    async def list(self, channel: Channel, request: PageRequest) -> Page[StreamSession]:
        """List the channel's sessions, newest first."""
        found = await self._store.sessions(channel.id, request)
        return cut(found, request, lambda each: PageAnchor(each.started_at, str(each.id)))

    async def of_recordings(self, channel_id: UUID, recordings: Sequence[Recording]) -> dict[str, UUID]:
        """Return the session of each recording, by uid. Recordings outside any session are left out."""
        if not recordings:
            return {}
        created = [each.created for each in recordings]
        sessions = await self._store.sessions_between(
            channel_id, min(created), max(created) + EARLY, MAX_SESSIONS_OF_PAGE
        )
        found = {each.uid: session_at(each.created, sessions) for each in recordings}
        return {uid: session.id for uid, session in found.items() if session is not None}


async def open_session(
    tx: Transaction, organization_id: UUID, channel_id: UUID, at: datetime, *, by_encoder: bool
) -> StreamSession:
    """Return the channel's running session, started at `at` if there is none. Raise Unavailable if it keeps being stopped."""
    for _ in range(START_ATTEMPTS):
        running = await tx.sessions.running_session(channel_id)
        if running is not None:
            return running
        new = StreamSession(uuid4(), organization_id, channel_id, by_encoder, at)
        if await tx.sessions.open_session(new):
            tx.record(SessionAdded(await place(tx, organization_id, channel_id), new))
            return new
    raise Unavailable("The stream session keeps being stopped.", retry_after=1.0)


async def close_session(tx: Transaction, session: StreamSession, at: datetime) -> bool:
    """End a session. Return False if it was not running."""
    closed = await tx.sessions.close_session(session.id, at)
    if closed is None:
        return False
    where = await place(tx, session.organization_id, session.channel_id)
    tx.record(SessionChanged(where, closed, ("stopped_at", "peak_viewers", "unique_viewers")))
    return True


async def place(tx: Transaction, organization_id: UUID, channel_id: UUID) -> Place:
    """Return what is known of the channel with that id, which may be deleted."""
    return Place(organization_id, channel_id, await tx.channels.is_private(channel_id))


def session_at(moment: datetime, sessions: Sequence[StreamSession]) -> StreamSession | None:
    """Return the session that ran then, or else the first one that began within EARLY after it. `sessions`: newest first."""
    early = None
    for each in sessions:
        if each.started_at > moment:
            early = each if each.started_at <= moment + EARLY else early
        elif each.stopped_at is None or moment <= each.stopped_at:
            return each
    return early
