"""The local provider's live inputs."""

from __future__ import annotations

import hmac
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from providers.base import InputGone, InputOptions, InputUid
from providers.local.ports.inputs import StoredInput, key_digest
from service.store.connections import Connections
from service.store.options import options_from, options_row
from service.store.statements import insert_new
from service.store.tables import local_inputs


class StoredInputs:
    """Implements `providers.local.ports.inputs.InputStore`. The row of a deleted input keeps its request_id, without its key."""

    def __init__(self, database: Connections) -> None:
        self._database = database

    async def add(self, new: StoredInput) -> StoredInput:
        async def change(connection: AsyncConnection) -> RowMapping:
            await connection.execute(insert_new(connection, local_inputs, _row(new)))
            wanted = select(local_inputs).where(local_inputs.c.request_id == new.request_id)
            row = (await connection.execute(wanted)).mappings().one_or_none()
            if row is None:
                raise RuntimeError("uid or key of a new live input is taken")
            return row

        row = await self._database.write(change)
        if row["deleted"]:
            raise InputGone(new.request_id)
        return _input(row)

    async def get(self, uid: InputUid) -> StoredInput | None:
        return await self._find(local_inputs.c.uid == uid)

    async def by_key(self, stream_key: str) -> StoredInput | None:
        digest = key_digest(stream_key)
        found = await self._find(or_(local_inputs.c.key_digest == digest, local_inputs.c.old_key_digest == digest))
        if found is None or not any(
            hmac.compare_digest(known, digest) for known in (key_digest(found.stream_key), found.old_key_digest or "")
        ):
            return None
        return found

    async def change(
        self,
        uid: InputUid,
        *,
        options: InputOptions | None = None,
        enabled: bool | None = None,
        stream_key: str | None = None,
        old_key_until: datetime | None = None,
        keyframe_interval: float | None = None,
    ) -> StoredInput | None:
        given: dict[str, Any] = {} if options is None else options_row(options)
        if enabled is not None:
            given["enabled"] = enabled
        if stream_key is not None:
            old = None if old_key_until is None else local_inputs.c.key_digest  # the row's value before this change
            given |= {"stream_key": stream_key, "key_digest": key_digest(stream_key)}
            given |= {"old_key_digest": old, "old_key_until": old_key_until}
        if keyframe_interval is not None:
            given["keyframe_interval"] = keyframe_interval
        here = (local_inputs.c.uid == uid, local_inputs.c.deleted.is_(False))

        async def change(connection: AsyncConnection) -> StoredInput | None:
            if given:
                await connection.execute(update(local_inputs).where(*here).values(**given))
            row = (await connection.execute(select(local_inputs).where(*here))).mappings().one_or_none()
            return None if row is None else _input(row)

        return await self._database.write(change)

    async def delete(self, uid: InputUid) -> bool:
        async def change(connection: AsyncConnection) -> bool:
            done = await connection.execute(
                update(local_inputs)
                .where(local_inputs.c.uid == uid, local_inputs.c.deleted.is_(False))
                .values(deleted=True, enabled=False, stream_key=None, key_digest=None, old_key_digest=None)
            )
            return done.rowcount == 1

        return await self._database.write(change)

    async def _find(self, condition: ColumnElement[bool]) -> StoredInput | None:
        async def query(connection: AsyncConnection) -> StoredInput | None:
            wanted = select(local_inputs).where(condition, local_inputs.c.deleted.is_(False))
            row = (await connection.execute(wanted)).mappings().one_or_none()
            return None if row is None else _input(row)

        return await self._database.read(query)


def _row(new: StoredInput) -> dict[str, Any]:
    return {
        "uid": new.uid,
        "request_id": new.request_id,
        "owner": new.owner,
        "name": new.name,
        "stream_key": new.stream_key,
        "key_digest": key_digest(new.stream_key),
        "enabled": new.enabled,
        "keyframe_interval": new.keyframe_interval,
        "created_at": new.created,
        "deleted": False,
        **options_row(new.options),
    }


def _input(row: RowMapping) -> StoredInput:
    return StoredInput(
        uid=row["uid"],
        request_id=row["request_id"],
        owner=row["owner"],
        name=row["name"],
        stream_key=row["stream_key"],
        options=options_from(row),
        created=row["created_at"],
        enabled=row["enabled"],
        keyframe_interval=row["keyframe_interval"],
        old_key_digest=row["old_key_digest"],
        old_key_until=row["old_key_until"],
    )
