"""Channels' claims on live inputs. Unique keys and compare-and-set ensure one input per channel."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CursorResult, RowMapping, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from providers.base import InputOptions, InputUid
from service.domain.entities import ClaimedInput, OwnedStream
from service.domain.paging import PageRequest
from service.domain.status.ports import StreamRef
from service.store.channels import named, recordings_visible_to, visible_to
from service.store.connections import Connections
from service.store.options import options_from, options_row
from service.store.statements import insert_new, paged
from service.store.tables import channels, live_inputs, retired_inputs


class StoredClaims:
    """Implements `domain.streams.ports.ClaimStore`."""

    def __init__(self, database: Connections) -> None:
        self._database = database

    async def claim(self, new: ClaimedInput) -> ClaimedInput:
        async def change(connection: AsyncConnection) -> None:
            # Locked against a concurrent rename, which would not see this claim yet, so that the claim would keep the old name.
            name = select(channels.c.name_folded).where(channels.c.id == new.channel_id).with_for_update(read=True)
            row = _row(new) | {"channel_name_folded": (await connection.execute(name)).scalar_one_or_none() or ""}
            await connection.execute(insert_new(connection, live_inputs, row))

        await self._database.write(change)
        stored = await self.claimed(new.channel_id)
        if stored is None:
            raise RuntimeError("a claim vanished while it was made")
        return stored

    async def claimed(self, channel_id: UUID) -> ClaimedInput | None:
        async def query(connection: AsyncConnection) -> ClaimedInput | None:
            found = await connection.execute(select(live_inputs).where(live_inputs.c.channel_id == channel_id))
            row = found.mappings().one_or_none()
            return None if row is None else _claim(row)

        return await self._database.read(query)

    async def find_stream(self, organization_id: UUID, channel_id: UUID) -> StreamRef | None:
        wanted = (
            select(live_inputs.c.uid)
            .select_from(channels.outerjoin(live_inputs, live_inputs.c.channel_id == channels.c.id))
            .where(
                channels.c.id == channel_id,
                channels.c.organization_id == organization_id,
                channels.c.deleted_at.is_(None),
            )
        )

        async def query(connection: AsyncConnection) -> StreamRef | None:
            row = (await connection.execute(wanted)).one_or_none()
            return None if row is None else StreamRef(organization_id, channel_id, row.uid)

        return await self._database.read(query)

    async def commit_claim(
        self, channel_id: UUID, request_id: str, uid: InputUid, options: InputOptions, created: datetime
    ) -> bool:
        async def change(connection: AsyncConnection) -> bool:
            done = await connection.execute(
                update(live_inputs)
                .where(
                    live_inputs.c.channel_id == channel_id,
                    live_inputs.c.request_id == request_id,
                    # Compare-and-set: a claim that was renewed meanwhile has another request id.
                    live_inputs.c.uid.is_(None),
                )
                .values(uid=uid, created_at=created, lost_at=None, **options_row(options))
            )
            return _changed(done)

        return await self._database.write(change)

    async def renew_claim(self, before: ClaimedInput, provider: str, request_id: str, at: datetime) -> bool:
        async def change(connection: AsyncConnection) -> bool:
            done = await connection.execute(
                update(live_inputs)
                .where(
                    live_inputs.c.channel_id == before.channel_id,
                    live_inputs.c.request_id == before.request_id,
                    # Compare-and-set: of several processes that saw the same claim, one renews it.
                    live_inputs.c.generation == before.generation,
                )
                .values(
                    uid=None,
                    provider=provider,
                    request_id=request_id,
                    generation=before.generation + 1,
                    created_at=at,
                    lost_at=None,
                )
            )
            if not _changed(done):
                return False
            if before.uid is not None:
                await _retire(connection, before.uid, before.channel_id, before.provider, at)
            return True

        return await self._database.write(change)

    async def lose_input(self, provider: str, uid: InputUid, request_id: str, at: datetime) -> tuple[UUID, UUID] | None:
        here = live_inputs.c.uid == uid, live_inputs.c.provider == provider
        owner = select(live_inputs.c.organization_id, live_inputs.c.channel_id).where(*here)

        async def change(connection: AsyncConnection) -> tuple[UUID, UUID] | None:
            found = (await connection.execute(owner)).one_or_none()
            if found is None:
                return None
            done = await connection.execute(
                update(live_inputs)
                .where(*here)
                .values(uid=None, request_id=request_id, generation=live_inputs.c.generation + 1, lost_at=at)
            )
            if not _changed(done):
                return None
            await _retire(connection, uid, found.channel_id, provider, at)
            return found.organization_id, found.channel_id

        return await self._database.write(change)

    async def note_options(self, channel_id: UUID, uid: InputUid, options: InputOptions) -> None:
        async def change(connection: AsyncConnection) -> None:
            await connection.execute(
                update(live_inputs)
                .where(live_inputs.c.channel_id == channel_id, live_inputs.c.uid == uid)
                .values(**options_row(options), change_announced_at=None)
            )

        await self._database.write(change)

    async def withdraw_change(self, channel_id: UUID, uid: InputUid) -> None:
        await self._announce(channel_id, uid, None)

    async def announce_change(self, channel_id: UUID, uid: InputUid, at: datetime) -> None:
        await self._announce(channel_id, uid, at)

    async def _announce(self, channel_id: UUID, uid: InputUid, at: datetime | None) -> None:
        here = live_inputs.c.channel_id == channel_id, live_inputs.c.uid == uid
        announced = update(live_inputs).where(*here).values(change_announced_at=at)
        await self._database.write(lambda connection: connection.execute(announced))

    async def announced_changes(self, provider: str, before: datetime, limit: int) -> list[ClaimedInput]:
        announced = select(live_inputs).where(
            live_inputs.c.change_announced_at < before,
            live_inputs.c.uid.is_not(None),
            live_inputs.c.provider == provider,
        )
        wanted = announced.order_by(live_inputs.c.change_announced_at).limit(limit)

        async def query(connection: AsyncConnection) -> list[ClaimedInput]:
            return [_claim(row) for row in (await connection.execute(wanted)).mappings()]

        return await self._database.read(query)

    async def pending_claims(self, provider: str, limit: int) -> list[ClaimedInput]:
        wanted = (
            select(live_inputs)
            .where(live_inputs.c.uid.is_(None), live_inputs.c.lost_at.is_(None), live_inputs.c.provider == provider)
            .order_by(live_inputs.c.created_at, live_inputs.c.channel_id)
            .limit(limit)
        )

        async def query(connection: AsyncConnection) -> list[ClaimedInput]:
            return [_claim(row) for row in (await connection.execute(wanted)).mappings()]

        return await self._database.read(query)

    async def abandoned_claims(self, provider: str, limit: int) -> list[ClaimedInput]:
        wanted = (
            select(live_inputs)
            .join(channels, channels.c.id == live_inputs.c.channel_id)
            .where(channels.c.deleted_at.is_not(None), live_inputs.c.provider == provider)
            .limit(limit)
        )

        async def query(connection: AsyncConnection) -> list[ClaimedInput]:
            return [_claim(row) for row in (await connection.execute(wanted)).mappings()]

        return await self._database.read(query)

    async def retire_claim(self, claim: ClaimedInput, uid: InputUid | None, at: datetime) -> None:
        async def change(connection: AsyncConnection) -> None:
            here = live_inputs.c.channel_id == claim.channel_id, live_inputs.c.request_id == claim.request_id
            await connection.execute(live_inputs.delete().where(*here))
            if uid is not None:
                await _retire(connection, uid, claim.channel_id, claim.provider, at)

        await self._database.write(change)

    async def channel_of_input(self, organization_id: UUID, uid: InputUid, user_id: UUID | None) -> UUID | None:
        present = select(live_inputs.c.channel_id).where(live_inputs.c.uid == uid)
        retired = select(retired_inputs.c.channel_id).where(retired_inputs.c.uid == uid)
        wanted = select(channels.c.id).where(
            channels.c.id.in_(present.union(retired)),
            channels.c.organization_id == organization_id,
            recordings_visible_to(user_id),
        )

        async def query(connection: AsyncConnection) -> UUID | None:
            return (await connection.execute(wanted)).scalars().first()

        return await self._database.read(query)

    async def input_uids(self, channel_id: UUID, limit: int) -> list[InputUid]:
        present = select(live_inputs.c.uid).where(
            live_inputs.c.channel_id == channel_id, live_inputs.c.uid.is_not(None)
        )
        retired = (
            select(retired_inputs.c.uid)
            .where(retired_inputs.c.channel_id == channel_id)
            .order_by(retired_inputs.c.retired_at.desc(), retired_inputs.c.uid)
            .limit(limit)
        )

        async def query(connection: AsyncConnection) -> list[InputUid]:
            uids = [*(await connection.execute(present)).scalars(), *(await connection.execute(retired)).scalars()]
            return uids[:limit]

        return await self._database.read(query)

    async def owned_streams(
        self,
        organization_id: UUID,
        search: str,
        request: PageRequest,
        user_id: UUID | None = None,
        uids: Collection[InputUid] | None = None,
    ) -> list[OwnedStream]:
        if uids is not None and not uids:
            return []
        wanted = (
            select(
                live_inputs.c.channel_id,
                channels.c.name.label("channel_name"),
                live_inputs.c.uid,
                live_inputs.c.created_at,
            )
            .join(channels, channels.c.id == live_inputs.c.channel_id)
            .where(
                live_inputs.c.uid.is_not(None),
                channels.c.deleted_at.is_(None),
                visible_to(user_id),
            )
        )
        if uids is None:
            wanted = wanted.where(live_inputs.c.organization_id == organization_id)
        else:  # by the channel's organization: with the input's, SQLite walks along that instead of looking the uids up
            wanted = wanted.where(live_inputs.c.uid.in_(uids), channels.c.organization_id == organization_id)
        if search:
            wanted = wanted.where(named(search, live_inputs.c.channel_name_folded))
        wanted = paged(wanted, live_inputs.c.created_at, live_inputs.c.channel_id, request, descending=True)

        async def query(connection: AsyncConnection) -> list[OwnedStream]:
            return [OwnedStream(**row) for row in (await connection.execute(wanted)).mappings()]

        return await self._database.read(query)


async def _retire(connection: AsyncConnection, uid: InputUid, channel_id: UUID, provider: str, at: datetime) -> None:
    row = {"uid": uid, "channel_id": channel_id, "provider": provider, "retired_at": at}
    await connection.execute(insert_new(connection, retired_inputs, row))


def _changed(done: CursorResult[Any]) -> bool:
    return done.rowcount == 1


def _row(claim: ClaimedInput) -> dict[str, Any]:
    return {
        "channel_id": claim.channel_id,
        "organization_id": claim.organization_id,
        "provider": claim.provider,
        "request_id": claim.request_id,
        "generation": claim.generation,
        "uid": claim.uid,
        "created_at": claim.created_at,
        **options_row(claim.options),
    }


def _claim(row: RowMapping) -> ClaimedInput:
    return ClaimedInput(
        channel_id=row["channel_id"],
        organization_id=row["organization_id"],
        provider=row["provider"],
        request_id=row["request_id"],
        generation=row["generation"],
        uid=row["uid"],
        options=options_from(row),
        created_at=row["created_at"],
        lost=row["lost_at"] is not None,
    )
