"""Channels."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.domain.entities import Channel, ChannelType
from service.domain.paging import PageRequest
from service.store.database import Database
from service.store.statements import paged, values_of
from service.store.tables import channels

_FIELDS = [column for column in channels.c if column.name != "name_folded"]


def fold(text: str) -> str:
    """How names are compared in a search: without case."""
    return text.casefold()


class StoredChannels:
    """Implements `domain.ports.ChannelStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add_channel(self, channel: Channel) -> None:
        async def change(connection: AsyncConnection) -> None:
            row = {**values_of(channel), "name_folded": fold(channel.name), "type": int(channel.type)}
            await connection.execute(channels.insert().values(row))

        await self._database.write(change)

    async def channel(self, organization_id: UUID, channel_id: UUID) -> Channel | None:
        async def query(connection: AsyncConnection) -> Channel | None:
            wanted = select(*_FIELDS).where(channels.c.id == channel_id, channels.c.organization_id == organization_id)
            row = (await connection.execute(wanted)).mappings().one_or_none()
            return None if row is None else _channel(dict(row))

        return await self._database.read(query)

    async def channels(self, organization_id: UUID, ordering: str, request: PageRequest) -> list[Channel]:
        at = channels.c.created_at if ordering.lstrip("-") == "created_at" else channels.c.latest_message_created_at
        anchor_id = None if request.anchor is None else UUID(request.anchor.id)
        wanted = paged(
            select(*_FIELDS).where(channels.c.organization_id == organization_id),
            at,
            channels.c.id,
            anchor_id,
            request,
            descending=ordering.startswith("-"),
        )

        async def query(connection: AsyncConnection) -> list[Channel]:
            return [_channel(dict(row)) for row in (await connection.execute(wanted)).mappings()]

        return await self._database.read(query)


def _channel(row: dict[str, object]) -> Channel:
    return Channel(**{**row, "type": ChannelType(row["type"])})  # type: ignore[arg-type]
