"""What the service stores of recordings. The media and its facts are the provider's."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, Column, Float, RowMapping, String, Table, Text, Uuid, and_, false, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.domain.streams.place import Place
from service.domain.streams.recording_details import RecordingDetails
from service.store.connections import Connections
from service.store.statements import batches, insert_new
from service.store.tables import UtcDateTime, metadata, partial_index

recordings = Table(
    "recordings",
    metadata,
    Column("uid", String(64), primary_key=True),
    Column("organization_id", Uuid, nullable=False),
    Column("channel_id", Uuid, nullable=False),
    Column("provider", String(32), nullable=False),
    Column("name", String(256)),  # NULL: the provider's
    Column("description", Text, nullable=False),
    Column("thumbnail_time", Float),  # NULL: the provider's choice
    Column("is_pinned", Boolean, nullable=False, server_default=false()),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("deleted_at", UtcDateTime),  # the row is kept: the recording must not come back from a cache or a backup
    Column("media_deleted_at", UtcDateTime),
)

WAITING = and_(recordings.c.deleted_at.is_not(None), recordings.c.media_deleted_at.is_(None))
"""Deleted recordings whose media is still at the provider."""

partial_index("ix_recordings_waiting", recordings.c.deleted_at, where=WAITING)


class StoredRecordings:
    """Implements `domain.streams.recording_details.RecordingStore`."""

    def __init__(self, database: Connections) -> None:
        self._database = database

    async def recording_details(self, uids: Collection[str]) -> dict[str, RecordingDetails]:
        async def query(connection: AsyncConnection) -> dict[str, RecordingDetails]:
            found: dict[str, RecordingDetails] = {}
            for some in batches(uids):
                wanted = select(recordings).where(recordings.c.uid.in_(some))
                rows = (await connection.execute(wanted)).mappings()
                found |= {row["uid"]: _details(row) for row in rows}
            return found

        return await self._database.read(query) if uids else {}

    async def keep_details(self, uid: str, provider: str, place: Place, details: RecordingDetails) -> bool:
        values = {
            "name": details.name,
            "description": details.description,
            "thumbnail_time": details.thumbnail_time,
            "is_pinned": details.is_pinned,
            "updated_at": details.updated_at,
        }
        return await self._change(uid, provider, place, values)

    async def mark_recording_deleted(self, uid: str, provider: str, place: Place, at: datetime) -> bool:
        gone: dict[str, Any] = {"name": None, "description": "", "thumbnail_time": None, "is_pinned": False}
        gone |= {"updated_at": at, "deleted_at": at}
        return await self._change(uid, provider, place, gone)

    async def note_media_deleted(self, uid: str, at: datetime) -> None:
        done = update(recordings).where(recordings.c.uid == uid).values(media_deleted_at=at)
        await self._database.write(lambda connection: connection.execute(done))

    async def media_to_delete(self, provider: str, limit: int) -> list[str]:
        wanted = (
            select(recordings.c.uid)
            .where(WAITING, recordings.c.provider == provider)
            .order_by(recordings.c.deleted_at, recordings.c.uid)
            .limit(limit)
        )

        async def query(connection: AsyncConnection) -> list[str]:
            return list((await connection.execute(wanted)).scalars())

        return await self._database.read(query)

    async def _change(self, uid: str, provider: str, place: Place, values: dict[str, Any]) -> bool:
        """Set values in the recording's row, which is made if there is none. Return False if the recording was deleted."""
        new = {
            "uid": uid,
            "organization_id": place.organization_id,
            "channel_id": place.channel_id,
            "provider": provider,
            "description": "",
            "updated_at": values["updated_at"],
        }

        async def change(connection: AsyncConnection) -> bool:
            await connection.execute(insert_new(connection, recordings, new))
            here = update(recordings).where(recordings.c.uid == uid, recordings.c.deleted_at.is_(None))
            return (await connection.execute(here.values(**values))).rowcount == 1

        return await self._database.write(change)


def _details(row: RowMapping) -> RecordingDetails:
    return RecordingDetails(
        name=row["name"],
        description=row["description"],
        thumbnail_time=row["thumbnail_time"],
        is_pinned=row["is_pinned"],
        updated_at=row["updated_at"],
        deleted=row["deleted_at"] is not None,
    )
