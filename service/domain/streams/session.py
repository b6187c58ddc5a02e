"""A stream session, and its port."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from providers.base import InputUid
from service.domain.paging import PageRequest


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

        Args:
            new: The session, which runs.

        Returns:
            False if its channel has a running one; nothing is stored then.
        """

    async def running_session(self, channel_id: UUID) -> StreamSession | None:
        """Return the channel's running session.

        Returns:
            None if none is running.
        """

    async def close_session(self, session_id: UUID, at: datetime) -> StreamSession | None:
        """End a session and delete its visitors, keeping their number.

        Args:
            session_id: The session.
            at: Its end.

        Returns:
            The session; None if it was not running.
        """

    async def running_sessions(self, limit: int) -> list[RunningSession]:
        """Return running sessions, oldest first.

        Args:
            limit: The most sessions to return.

        Returns:
            The sessions, each with the live input that its channel has now.
        """

    async def input_owner(self, input_uid: InputUid) -> tuple[UUID, UUID] | None:
        """Return whose live input it is.

        Args:
            input_uid: The live input, current or retired.

        Returns:
            The organization and the channel; None if the input is unknown.
        """

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
        """Return sessions that ran at any time from `begin` to `end`.

        Args:
            channel_id: The channel.
            begin: A session that stopped at this time counts.
            end: A session that started at this time counts.
            limit: The most sessions to return.

        Returns:
            The sessions, newest first.
        """

    async def sessions(self, channel_id: UUID, request: PageRequest) -> list[StreamSession]:
        """Return the channel's sessions, newest first.

        Args:
            channel_id: The channel.
            request: The page.

        Returns:
            Up to `request.size` + 1 sessions, nearest to the anchor first (see `paging.cut`).
        """
