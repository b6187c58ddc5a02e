"""Direct channels. A unique key of the members decides between two that are opened at the same time."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.domain.entities import Channel
from service.store.channels import channel_row
from service.store.connections import Connections
from service.store.conversation_tables import members
from service.store.rows import member_row
from service.store.statements import insert_new
from service.store.tables import channels


class StoredDirects:
    """Implements `domain.conversation_ports.DirectStore`."""

    def __init__(self, database: Connections) -> None:
        self._database = database

    async def open_direct(self, channel: Channel, direct_key: str, member_ids: Collection[UUID]) -> tuple[UUID, bool]:
        async def find(connection: AsyncConnection) -> UUID | None:
            wanted = select(channels.c.id).where(channels.c.direct_key == direct_key)
            return (await connection.execute(wanted)).scalar_one_or_none()

        async def change(connection: AsyncConnection) -> bool:
            new = {**channel_row(channel), "direct_key": direct_key}
            if (await connection.execute(insert_new(connection, channels, new))).rowcount != 1:
                return False
            rows = [member_row(channel, each, is_admin=False) for each in member_ids]
            await connection.execute(members.insert(), rows)
            return True

        present = await self._database.read(find)
        if present is not None:
            return present, False
        if await self._database.write(change):
            return channel.id, True
        # ON CONFLICT DO NOTHING has waited for the other transaction: its channel is committed, and found.
        present = await self._database.read(find)
        if present is None:
            raise RuntimeError("a direct channel vanished while it was opened")
        return present, False
