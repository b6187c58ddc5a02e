"""The local provider's recordings."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import BigInteger, Column, Float, Index, Integer, String, Table, Text, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from providers.local.storage.recordings import StoredRecording
from service.store.connections import Connections
from service.store.statements import batches, insertion, values_of
from service.store.tables import UtcDateTime, metadata

local_recordings = Table(
    "local_recordings",
    metadata,
    Column("uid", String(64), primary_key=True),
    Column("input_uid", String(64), nullable=False),
    Column("name", Text, nullable=False),
    Column("created", UtcDateTime, nullable=False),
    Column("modified", UtcDateTime, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("duration", Float, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Index("ix_local_recordings_input_uid_created", "input_uid", "created", "uid"),
)


class StoredLocalRecordings:
    """Implements `providers.local.recording_rows.RecordingRows`."""

    def __init__(self, database: Connections) -> None:
        self._database = database

    async def all(self) -> list[StoredRecording]:
        async def query(connection: AsyncConnection) -> list[StoredRecording]:
            rows = (await connection.execute(select(local_recordings))).mappings()
            return [StoredRecording(**row) for row in rows]

        return await self._database.read(query)

    async def put(self, recordings: Collection[StoredRecording]) -> None:
        async def change(connection: AsyncConnection) -> None:
            new = insertion(connection, local_recordings)
            facts = {column.name: new.excluded[column.name] for column in local_recordings.c if column.name != "uid"}
            statement = new.on_conflict_do_update(index_elements=[local_recordings.c.uid], set_=facts)
            await connection.execute(statement, [values_of(each) for each in recordings])

        if recordings:
            await self._database.write(change)

    async def remove(self, uids: Collection[str]) -> None:
        async def change(connection: AsyncConnection) -> None:
            for some in batches(uids):
                await connection.execute(delete(local_recordings).where(local_recordings.c.uid.in_(some)))

        if uids:
            await self._database.write(change)
