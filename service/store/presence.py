"""Presence in calls: one row per participant and channel, with the latest event."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, ColumnElement, Index, Insert, String, Table, Uuid, case, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.domain.conversation.meetings import MAX_PARTICIPANT
from service.domain.conversation.presence import ActiveConference, Presence
from service.domain.paging import PageRequest
from service.store.channels import locked, visible_to
from service.store.connections import Connections
from service.store.statements import insertion, paged, values_of
from service.store.tables import UtcDateTime, channels, metadata

call_presences = Table(
    "call_presences",
    metadata,
    Column("channel_id", Uuid, primary_key=True),
    Column("participant", String(MAX_PARTICIPANT), primary_key=True),
    Column("organization_id", Uuid, nullable=False),
    Column("noted_at", UtcDateTime, nullable=False),
    Column("leaves_at", UtcDateTime, nullable=False),
    Index(None, "organization_id", "leaves_at"),
    Index(None, "leaves_at"),
)

KEY = ("channel_id", "participant")


class StoredPresence:
    """Implements `domain.conversation.meetings.PresenceStore`."""

    def __init__(self, database: Connections) -> None:
        self._database = database

    async def note(self, presence: Presence, forget_before: datetime) -> None:
        async def change(connection: AsyncConnection) -> None:
            await connection.execute(_newest(connection, values_of(presence)))
            noted = call_presences.c.noted_at >= call_presences.c.leaves_at
            old = delete(call_presences).where(call_presences.c.leaves_at < forget_before, noted)
            await connection.execute(old)

        await self._database.write(change)

    async def lock(self, channel_id: UUID) -> None:
        await self._database.write(lambda connection: connection.execute(locked(channel_id)))

    async def present(self, channel_id: UUID, at: datetime) -> set[str]:
        here = call_presences.c.channel_id == channel_id, call_presences.c.leaves_at > at

        async def query(connection: AsyncConnection) -> set[str]:
            return set((await connection.execute(select(call_presences.c.participant).where(*here))).scalars())

        return await self._database.read(query)

    async def lapse(self, channel_id: UUID, at: datetime) -> set[str]:
        ended = (
            update(call_presences)
            .where(call_presences.c.channel_id == channel_id, *_has_lapsed(at))
            .values(noted_at=call_presences.c.leaves_at)
            .returning(call_presences.c.participant)
        )

        async def change(connection: AsyncConnection) -> set[str]:
            return set((await connection.execute(ended)).scalars())

        return await self._database.write(change)

    async def lapsed(self, at: datetime, limit: int) -> list[tuple[UUID, UUID]]:
        places = select(call_presences.c.organization_id, call_presences.c.channel_id).where(*_has_lapsed(at))

        async def query(connection: AsyncConnection) -> list[tuple[UUID, UUID]]:
            return [(each[0], each[1]) for each in await connection.execute(places.distinct().limit(limit))]

        return await self._database.read(query)

    async def active(
        self, organization_id: UUID, user_id: UUID, viewer_id: UUID, at: datetime, request: PageRequest
    ) -> list[ActiveConference]:
        is_here = func.max(case((call_presences.c.participant == str(user_id), 1), else_=0))
        # Counted first, so that each channel is joined once, not once per participant.
        calls = (
            select(call_presences.c.channel_id, func.count().label("participant_count"), is_here.label("joined"))
            .where(call_presences.c.organization_id == organization_id, call_presences.c.leaves_at > at)
            .group_by(call_presences.c.channel_id)
            .subquery()
        )
        wanted = (
            select(
                calls.c.channel_id,
                channels.c.created_at.label("channel_created_at"),
                calls.c.participant_count,
                calls.c.joined,
            )
            .join(channels, channels.c.id == calls.c.channel_id)
            .where(visible_to(viewer_id), channels.c.deleted_at.is_(None))
        )
        wanted = paged(wanted, channels.c.created_at, channels.c.id, request, descending=True)

        async def query(connection: AsyncConnection) -> list[ActiveConference]:
            rows = (await connection.execute(wanted)).mappings()
            return [ActiveConference(**{**row, "joined": bool(row["joined"])}) for row in rows]

        return await self._database.read(query)


def _has_lapsed(at: datetime) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions for leases that ended by themselves. When that is noted, it is the row's latest event."""
    return call_presences.c.leaves_at <= at, call_presences.c.noted_at < call_presences.c.leaves_at


def _newest(connection: AsyncConnection, row: dict[str, Any]) -> Insert:
    """Return an INSERT that replaces an existing row unless that one is newer."""
    changed = {name: row[name] for name in ("noted_at", "leaves_at")}
    older = call_presences.c.noted_at <= row["noted_at"]
    statement: Insert = (
        insertion(connection, call_presences)
        .values(row)
        .on_conflict_do_update(index_elements=KEY, set_=changed, where=older)
    )
    return statement
