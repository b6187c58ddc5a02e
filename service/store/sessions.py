"""Stream sessions. A partial unique index allows each channel one running session."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    RowMapping,
    Select,
    Table,
    Uuid,
    delete,
    func,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from providers.base import InputUid
from service.domain.paging import PageRequest
from service.domain.streams.session import RunningSession, StreamSession
from service.store.connections import Connections
from service.store.statements import insert_new, insertion, paged, values_of
from service.store.tables import UtcDateTime, live_inputs, metadata, partial_index, retired_inputs
from service.store.tables import channels as channels_table

VISITORS_AT_ONCE = 2_000
"""Visitors stored in one transaction, so that other writers can go in between."""

stream_sessions = Table(
    "stream_sessions",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("organization_id", Uuid, nullable=False),
    Column("channel_id", Uuid, nullable=False),  # no foreign key: sessions outlive their channel
    Column("by_encoder", Boolean, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("stopped_at", UtcDateTime),
    Column("peak_viewers", Integer, nullable=False),
    Column("unique_viewers", Integer, nullable=False),
    Index(None, "channel_id", "started_at", "id"),
)
partial_index(
    "uq_stream_sessions_running",
    stream_sessions.c.channel_id,
    where=stream_sessions.c.stopped_at.is_(None),
    unique=True,
)

stream_session_visitors = Table(
    "stream_session_visitors",
    metadata,
    Column("session_id", Uuid, primary_key=True),
    Column("visitor", LargeBinary(16), primary_key=True),
)


class StoredSessions:
    """Implements `domain.streams.sessions.SessionStore`."""

    def __init__(self, database: Connections) -> None:
        self._database = database

    async def open_session(self, new: StreamSession) -> bool:
        async def change(connection: AsyncConnection) -> bool:
            done = await connection.execute(insert_new(connection, stream_sessions, values_of(new)))
            return done.rowcount == 1

        return await self._database.write(change)

    async def running_session(self, channel_id: UUID) -> StreamSession | None:
        running = _running().where(stream_sessions.c.channel_id == channel_id)
        found = await self._sessions(running)
        return found[0] if found else None

    async def close_session(self, session_id: UUID, at: datetime) -> StreamSession | None:
        async def change(connection: AsyncConnection) -> StreamSession | None:
            running = (stream_sessions.c.id == session_id, stream_sessions.c.stopped_at.is_(None))
            stopped = update(stream_sessions).where(*running).values(stopped_at=at).returning(*stream_sessions.c)
            row = (await connection.execute(stopped)).mappings().one_or_none()
            if row is None:
                return None
            theirs = stream_session_visitors.c.session_id == session_id
            await connection.execute(delete(stream_session_visitors).where(theirs))
            return _session(row)

        return await self._database.write(change)

    async def running_sessions(self, limit: int) -> list[RunningSession]:
        wanted = (
            _running()
            .add_columns(live_inputs.c.uid)
            .outerjoin(live_inputs, live_inputs.c.channel_id == stream_sessions.c.channel_id)
            .order_by(stream_sessions.c.started_at, stream_sessions.c.id)
            .limit(limit)
        )

        async def query(connection: AsyncConnection) -> list[RunningSession]:
            rows = (await connection.execute(wanted)).mappings()
            return [RunningSession(_session(row), row["uid"]) for row in rows]

        return await self._database.read(query)

    async def input_owner(self, input_uid: InputUid) -> tuple[UUID, UUID] | None:
        present = select(live_inputs.c.channel_id).where(live_inputs.c.uid == input_uid)
        retired = select(retired_inputs.c.channel_id).where(retired_inputs.c.uid == input_uid)
        wanted = select(channels_table.c.organization_id, channels_table.c.id).where(
            channels_table.c.id.in_(present.union_all(retired))
        )

        async def query(connection: AsyncConnection) -> tuple[UUID, UUID] | None:
            row = (await connection.execute(wanted)).first()
            return None if row is None else (row[0], row[1])

        return await self._database.read(query)

    async def note_audience(self, session_id: UUID, viewers: int, visitors: Collection[bytes]) -> None:
        waiting = list(visitors)
        while True:
            part, waiting = waiting[:VISITORS_AT_ONCE], waiting[VISITORS_AT_ONCE:]
            await self._note(session_id, viewers, part)
            if not waiting:
                return

    async def _note(self, session_id: UUID, viewers: int, visitors: list[bytes]) -> None:
        running = (stream_sessions.c.id == session_id, stream_sessions.c.stopped_at.is_(None))

        async def change(connection: AsyncConnection) -> None:
            peak = _larger(connection)(stream_sessions.c.peak_viewers, viewers)
            # First, because it locks the row: no visitor is added to a session that has been closed.
            done = await connection.execute(update(stream_sessions).where(*running).values(peak_viewers=peak))
            if done.rowcount != 1 or not visitors:
                return
            rows = [{"session_id": session_id, "visitor": visitor} for visitor in visitors]
            # Visitors that are stored already are skipped.
            await connection.execute(insertion(connection, stream_session_visitors).on_conflict_do_nothing(), rows)
            theirs = stream_session_visitors.c.session_id == session_id
            count = select(func.count()).select_from(stream_session_visitors).where(theirs).scalar_subquery()
            await connection.execute(update(stream_sessions).where(*running).values(unique_viewers=count))

        await self._database.write(change)

    async def sessions_between(
        self, channel_id: UUID, begin: datetime, end: datetime, limit: int
    ) -> list[StreamSession]:
        here = stream_sessions.c.channel_id == channel_id
        # Sessions of a channel do not overlap: the last one that began before is the first that can match.
        before = select(func.max(stream_sessions.c.started_at)).where(here, stream_sessions.c.started_at <= begin)
        return await self._sessions(
            select(stream_sessions)
            .where(
                here,
                stream_sessions.c.started_at.between(func.coalesce(before.scalar_subquery(), begin), end),
                stream_sessions.c.stopped_at.is_(None) | (stream_sessions.c.stopped_at >= begin),
            )
            .order_by(stream_sessions.c.started_at.desc(), stream_sessions.c.id.desc())
            .limit(limit)
        )

    async def sessions(self, channel_id: UUID, request: PageRequest) -> list[StreamSession]:
        wanted = select(stream_sessions).where(stream_sessions.c.channel_id == channel_id)
        at, identity = stream_sessions.c.started_at, stream_sessions.c.id
        return await self._sessions(paged(wanted, at, identity, request, descending=True))

    async def _sessions(self, wanted: Select[Any]) -> list[StreamSession]:
        async def query(connection: AsyncConnection) -> list[StreamSession]:
            return [_session(row) for row in (await connection.execute(wanted)).mappings()]

        return await self._database.read(query)


def _running() -> Select[Any]:
    return select(stream_sessions).where(stream_sessions.c.stopped_at.is_(None))


def _larger(connection: AsyncConnection) -> Any:
    """Return the function for the larger of two values: SQLite's two-argument max, PostgreSQL's greatest."""
    return func.greatest if connection.dialect.name == "postgresql" else func.max


def _session(row: RowMapping) -> StreamSession:
    return StreamSession(**{column.name: row[column.name] for column in stream_sessions.c})
