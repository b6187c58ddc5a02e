"""Stream sessions: a stretch of a channel's streaming with a beginning and an end, its recordings and its audience.

What must stay true: a channel has at most one running session, however many callers start one at once, in however many processes.
The store's unique key says who was first; everybody gets that one.

A session is started and stopped over the API, and by itself when an encoder connects and when its broadcast has ended
(`session_keeper.py`, which also counts the audience).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID, uuid4

from providers.base import Recording
from service.domain.entities import Channel
from service.domain.errors import Unavailable
from service.domain.paging import Page, PageAnchor, PageRequest, cut

EARLY = timedelta(seconds=30)
"""How much older than its session a recording may be: providers date it from the encoder's arrival, before we hear of it."""

MAX_SESSIONS_OF_PAGE = 1_000
"""Sessions looked at to find those of one page of recordings; the newest count."""

START_ATTEMPTS = 5
"""How often a start that met a running session which was gone a moment later tries again."""


@dataclass(frozen=True, slots=True)
class StreamSession:
    """`stopped_at` is None while it runs. `by_encoder`: it began by itself. Viewers: the most at once, and how many in all."""

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
    """A running session and the live input of its channel; None while it has none."""

    session: StreamSession
    input_uid: str | None


class SessionStore(Protocol):
    """Stream sessions. Every method may raise `errors.Unavailable`."""

    async def open_session(self, new: StreamSession) -> None:
        """Store it unless its channel has a running one."""

    async def running_session(self, channel_id: UUID) -> StreamSession | None: ...

    async def close_session(self, session_id: UUID, at: datetime) -> bool:
        """End it and let its visitors go, keeping their number; False when it was not running."""

    async def running_sessions(self, limit: int) -> list[RunningSession]:
        """Oldest first."""

    async def input_owner(self, input_uid: str) -> tuple[UUID, UUID] | None:
        """Organization and channel of a live input, the present one or an earlier one."""

    async def note_audience(self, session_id: UUID, viewers: int, visitors: Collection[bytes]) -> None:
        """While it runs: so many watch at once, and these (digests) have watched."""

    async def sessions_between(
        self, channel_id: UUID, begin: datetime, end: datetime, limit: int
    ) -> list[StreamSession]:
        """Sessions that ran at some time of that stretch, newest first."""

    async def sessions(self, channel_id: UUID, request: PageRequest) -> list[StreamSession]:
        """Up to `request.size` + 1, newest first, nearest to the anchor first (see `paging.cut`)."""


class SessionCloser(Protocol):
    """Ends a session after its audience was counted for the last time."""

    async def finish(self, session: StreamSession, input_uid: str | None, at: datetime) -> None: ...


class Sessions:
    """Starts, stops and lists stream sessions. Every method may raise Unavailable."""

    def __init__(self, store: SessionStore, closer: SessionCloser, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._closer = closer
        self._clock = clock

    async def start(self, channel: Channel) -> StreamSession:
        """The running session of the channel; begins one when there is none."""
        return await open_session(self._store, channel.organization_id, channel.id, self._clock(), by_encoder=False)

    async def stop(self, channel: Channel, input_uid: str | None) -> None:
        """End the running session of the channel, if there is one. `input_uid`: the channel's live input."""
        running = await self._store.running_session(channel.id)
        if running is not None:
            await self._closer.finish(running, input_uid, self._clock())

    async def list(self, channel: Channel, request: PageRequest) -> Page[StreamSession]:
        """The channel's sessions, newest first."""
        found = await self._store.sessions(channel.id, request)
        return cut(found, request, lambda each: PageAnchor(each.started_at, str(each.id)))

    async def of_recordings(self, channel_id: UUID, recordings: Sequence[Recording]) -> dict[str, UUID]:
        """Which session each recording belongs to, by uid; one made outside any session is left out."""
        if not recordings:
            return {}
        created = [each.created for each in recordings]
        sessions = await self._store.sessions_between(
            channel_id, min(created), max(created) + EARLY, MAX_SESSIONS_OF_PAGE
        )
        found = {each.uid: session_at(each.created, sessions) for each in recordings}
        return {uid: session.id for uid, session in found.items() if session is not None}


async def open_session(
    store: SessionStore, organization_id: UUID, channel_id: UUID, at: datetime, *, by_encoder: bool
) -> StreamSession:
    """The running session, begun at `at` when there was none. Errors: Unavailable."""
    for _ in range(START_ATTEMPTS):
        running = await store.running_session(channel_id)
        if running is not None:
            return running
        await store.open_session(StreamSession(uuid4(), organization_id, channel_id, by_encoder, at))
    raise Unavailable("The stream session keeps being stopped.", retry_after=1.0)


def session_at(moment: datetime, sessions: Sequence[StreamSession]) -> StreamSession | None:
    """The session (newest first) that ran at that moment, else the first one to begin within EARLY after it."""
    early = None
    for each in sessions:
        if each.started_at > moment:
            early = each if each.started_at <= moment + EARLY else early
        elif each.stopped_at is None or moment <= each.stopped_at:
            return each
    return early
