"""Organizations, users, tokens and the service's own secrets."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import RowMapping, Table, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.clock import Clock
from service.domain.entities import Organization, Token, User
from service.domain.errors import Conflict
from service.store import tables
from service.store.connections import Connections
from service.store.statements import batches, insert_new, values_of


class StoredAccounts:
    """Implements `domain.access.ports.AccountStore` and `SecretStore`."""

    def __init__(self, database: Connections, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def organization(self, organization_id: UUID) -> Organization | None:
        row = await self._one(tables.organizations, organization_id)
        return None if row is None else Organization(**row)

    async def user(self, user_id: UUID) -> User | None:
        row = await self._one(tables.users, user_id)
        return None if row is None else User(**row)

    async def _one(self, table: Table, key: UUID) -> RowMapping | None:
        async def query(connection: AsyncConnection) -> RowMapping | None:
            found = await connection.execute(select(table).where(table.c.id == key))
            return found.mappings().one_or_none()

        return await self._database.read(query)

    async def add_user(self, organization: Organization, user: User) -> None:
        await self._database.write(lambda connection: _enrol(connection, organization, user))

    async def add_token(self, organization: Organization, user: User | None, token: Token) -> None:
        async def change(connection: AsyncConnection) -> None:
            await _enrol(connection, organization, user)
            await connection.execute(tables.tokens.insert().values(values_of(token)))

        await self._database.write(change)

    async def token_by_digest(self, digest: str) -> Token | None:
        async def query(connection: AsyncConnection) -> Token | None:
            found = await connection.execute(select(tables.tokens).where(tables.tokens.c.digest == digest))
            row = found.mappings().one_or_none()
            return None if row is None else Token(**row)

        return await self._database.read(query)

    async def tokens(self, organization_id: UUID | None = None) -> list[Token]:
        async def query(connection: AsyncConnection) -> list[Token]:
            wanted = select(tables.tokens).order_by(tables.tokens.c.created_at, tables.tokens.c.id)
            if organization_id is not None:
                wanted = wanted.where(tables.tokens.c.organization_id == organization_id)
            return [Token(**row) for row in (await connection.execute(wanted)).mappings()]

        return await self._database.read(query)

    async def revoke_token(self, token_id: UUID, at: datetime) -> bool:
        async def change(connection: AsyncConnection) -> bool:
            known = tables.tokens.c.id == token_id
            fresh = update(tables.tokens).where(known, tables.tokens.c.revoked_at.is_(None)).values(revoked_at=at)
            await connection.execute(fresh)
            return (await connection.execute(select(tables.tokens.c.id).where(known))).first() is not None

        return await self._database.write(change)

    async def standing(self, digests: Collection[str], user_ids: Collection[UUID]) -> tuple[set[str], set[UUID]]:
        tokens, users = tables.tokens.c, tables.users.c

        async def query(connection: AsyncConnection) -> tuple[set[str], set[UUID]]:
            valid: set[str] = set()
            for some in batches(digests):
                wanted = select(tokens.digest).where(tokens.digest.in_(some), tokens.revoked_at.is_(None))
                valid |= set((await connection.execute(wanted)).scalars())
            active: set[UUID] = set()
            for these in batches(user_ids):
                known = select(users.id).where(users.id.in_(these), users.deleted_at.is_(None))
                active |= set((await connection.execute(known)).scalars())
            return valid, active

        return await self._database.read(query)

    async def secret(self, name: str, proposal: str) -> str:
        async def query(connection: AsyncConnection) -> str | None:
            found = await connection.execute(select(tables.secrets.c.value).where(tables.secrets.c.name == name))
            return found.scalar_one_or_none()

        async def change(connection: AsyncConnection) -> None:
            row = {"name": name, "value": proposal, "created_at": self._clock.now()}
            await connection.execute(insert_new(connection, tables.secrets, row))

        value = await self._database.read(query)
        if value is None:
            await self._database.write(change)
            value = await self._database.read(query)
        if value is None:
            raise RuntimeError(f"the secret {name} was not stored")
        return value


async def _enrol(connection: AsyncConnection, organization: Organization, user: User | None) -> None:
    await connection.execute(insert_new(connection, tables.organizations, values_of(organization)))
    if user is None:
        return
    # An existing user stays as it is: its organization may be another one.
    await connection.execute(insert_new(connection, tables.users, values_of(user)))
    home = select(tables.users.c.organization_id).where(tables.users.c.id == user.id)
    if (await connection.execute(home)).scalar_one() != organization.id:
        raise Conflict(f"The user {user.id} belongs to another organization.")
