"""Stream sessions: a period of a channel's streaming with a start and an end, its recordings and its audience.

Invariant: a channel has at most one running session, however many clients start one at the same time, in any number of processes.
The store's unique key decides which start was first. All clients get that session.

A session is started and stopped over the API, and also when an encoder connects and when its broadcast ends
(`session_keeper.py`, which also counts the audience).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID, uuid4

from providers.base import InputUid, Recording
from service.clock import Clock
from service.domain.entities import Channel
from service.domain.errors import Unavailable
from service.domain.events.ports import Transactions
from service.domain.paging import Page, PageAnchor, PageRequest, cut
from service.domain.streams.changes import SessionAdded, SessionChanged
from service.domain.streams.place import place
from service.domain.streams.ports import StreamTransaction
from service.domain.streams.session import SessionStore, StreamSession

EARLY = timedelta(seconds=30)
"""How much older than its session a recording may be: providers date it from the encoder's connect, before the event arrives."""

MAX_SESSIONS_OF_PAGE = 1_000
"""Sessions read to find those of one page of recordings, newest first."""

START_ATTEMPTS = 5
"""Attempts to start a session while other clients keep stopping it."""


class SessionCloser(Protocol):
    """Ends sessions."""

    async def finish(self, session: StreamSession, input_uid: InputUid | None, at: datetime) -> None:
        """Count the audience for the last time, then close the session.

        Args:
            session: The running session.
            input_uid: The channel's live input, whose visitors are counted; None if it has none.
            at: The end of the session.

        Raises:
            Unavailable: The store does not answer.
        """


class Sessions:
    """Starts, stops and lists stream sessions. Every method may raise Unavailable."""

    def __init__(
        self, store: SessionStore, transactions: Transactions[StreamTransaction], closer: SessionCloser, clock: Clock
    ) -> None:
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
    tx: StreamTransaction, organization_id: UUID, channel_id: UUID, at: datetime, *, by_encoder: bool
) -> StreamSession:
    """Return the channel's running session, started at `at` if there is none. Raise Unavailable if it keeps being stopped."""
    for _ in range(START_ATTEMPTS):
        running = await tx.sessions.running_session(channel_id)
        if running is not None:
            return running
        new = StreamSession(uuid4(), organization_id, channel_id, by_encoder, at)
        if await tx.sessions.open_session(new):
            tx.record(SessionAdded(await place(tx.channels, organization_id, channel_id), new))
            return new
    raise Unavailable("The stream session keeps being stopped.", retry_after=1.0)


async def close_session(tx: StreamTransaction, session: StreamSession, at: datetime) -> bool:
    """End a session. Return False if it was not running."""
    closed = await tx.sessions.close_session(session.id, at)
    if closed is None:
        return False
    where = await place(tx.channels, session.organization_id, session.channel_id)
    tx.record(SessionChanged(where, closed, ("stopped_at", "peak_viewers", "unique_viewers")))
    return True


def session_at(moment: datetime, sessions: Sequence[StreamSession]) -> StreamSession | None:
    """Return the session that ran then, or else the first one that began within EARLY after it. `sessions`: newest first."""
    early = None
    for each in sessions:
        if each.started_at > moment:
            early = each if each.started_at <= moment + EARLY else early
        elif each.stopped_at is None or moment <= each.stopped_at:
            return each
    return early
