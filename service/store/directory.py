"""The people of an organization."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.domain.entities import Organization, User
from service.store.connections import Connections
from service.store.statements import insert_new, values_of
from service.store.tables import organizations, users


class StoredDirectory:
    """Implements `domain.access.ports.DirectoryStore`."""

    def __init__(self, database: Connections) -> None:
        self._database = database

    async def add_user(self, organization: Organization, user: User) -> bool:
        async def change(connection: AsyncConnection) -> bool:
            await connection.execute(insert_new(connection, organizations, values_of(organization)))
            return (await connection.execute(insert_new(connection, users, values_of(user)))).rowcount == 1

        return await self._database.write(change)

    async def users(self, organization_id: UUID | None = None) -> list[User]:
        wanted = select(users).order_by(users.c.organization_id, users.c.full_name, users.c.id)
        if organization_id is not None:
            wanted = wanted.where(users.c.organization_id == organization_id)

        async def query(connection: AsyncConnection) -> list[User]:
            return [User(**row) for row in (await connection.execute(wanted)).mappings()]

        return await self._database.read(query)

    async def set_manager(self, user_id: UUID, is_manager: bool, at: datetime) -> bool:
        changed = (
            update(users)
            .where(users.c.id == user_id, users.c.deleted_at.is_(None))
            .values(is_manager=is_manager, updated_at=at)
        )

        async def change(connection: AsyncConnection) -> bool:
            return (await connection.execute(changed)).rowcount == 1

        return await self._database.write(change)

    async def unknown_users(self, organization_id: UUID, wanted: Collection[UUID]) -> set[UUID]:
        known = select(users.c.id).where(
            users.c.id.in_(wanted), users.c.organization_id == organization_id, users.c.deleted_at.is_(None)
        )

        async def query(connection: AsyncConnection) -> set[UUID]:
            return set(wanted) - set((await connection.execute(known)).scalars())

        return await self._database.read(query)
