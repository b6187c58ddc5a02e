"""Members of channels, their unread counts and settings."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, FromClause, Select, and_, func, select, union, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.domain.conversation.ports import MemberChanges
from service.domain.entities import Entry, Joined, Member, NotifyMode
from service.domain.errors import Conflict
from service.domain.paging import PageRequest
from service.store.channel_pages import places
from service.store.channels import StoredChannels, listed, locked, on_page, shown, with_latest
from service.store.connections import Connections
from service.store.conversation_tables import DIRECT, former_members, members, mentions, messages
from service.store.rows import MEMBER_COLUMNS, member_from, member_row
from service.store.statements import batches, insert_new, paged
from service.store.tables import channels, users


def _people() -> Select[Any]:
    return select(*MEMBER_COLUMNS).select_from(members.join(users, users.c.id == members.c.user_id))


def _at(channel_id: UUID, user_id: UUID) -> ColumnElement[bool]:
    return and_(members.c.channel_id == channel_id, members.c.user_id == user_id)


async def _find(connection: AsyncConnection, channel_id: UUID, user_id: UUID) -> Member | None:
    row = (await connection.execute(_people().where(_at(channel_id, user_id)))).mappings().one_or_none()
    return None if row is None else member_from(row)


class StoredMembers:
    """Implements `domain.conversation.ports.MemberStore`."""

    def __init__(self, database: Connections) -> None:
        self._database = database
        self._channels = StoredChannels(database)

    async def entry(self, organization_id: UUID, channel_id: UUID, user_id: UUID | None) -> Entry | None:
        return await self._channels.entry(organization_id, channel_id, user_id)

    async def readers(self, channel_id: UUID) -> frozenset[UUID]:
        """Return the members, also of a deleted private channel (`domain.events.ports.ReaderStore`)."""
        either = [
            select(table.c.user_id).where(table.c.channel_id == channel_id) for table in (members, former_members)
        ]

        async def query(connection: AsyncConnection) -> frozenset[UUID]:
            return frozenset((await connection.execute(union(*either))).scalars())

        return await self._database.read(query)

    async def members_among(self, channel_id: UUID, user_ids: Collection[UUID]) -> list[Member]:
        async def query(connection: AsyncConnection) -> list[Member]:
            found: list[Member] = []
            for some in batches(user_ids):
                here = (members.c.channel_id == channel_id, members.c.user_id.in_(some))
                found += [member_from(row) for row in (await connection.execute(_people().where(*here))).mappings()]
            return found

        return await self._database.read(query)

    async def add_member(self, channel_id: UUID, user_id: UUID, at: datetime) -> tuple[Member, bool] | None:
        async def change(connection: AsyncConnection) -> tuple[Member, bool] | None:
            # Locked, so that `member_count` agrees with the rows, and no member joins a channel that is being deleted.
            if (await connection.execute(locked(channel_id))).first() is None:
                return None
            row = (await connection.execute(with_latest().where(channels.c.id == channel_id))).mappings().one()
            channel = shown(row)
            new = member_row(channel, user_id, is_admin=False, at=at)
            made = (await connection.execute(insert_new(connection, members, new))).rowcount == 1
            if made:
                grown = {"member_count": channels.c.member_count + 1}
                await connection.execute(update(channels).where(channels.c.id == channel_id).values(grown))
            found = await _find(connection, channel_id, user_id)
            return None if found is None else (found, made)

        return await self._database.write(change)

    async def member(self, channel_id: UUID, user_id: UUID) -> Member | None:
        return await self._database.read(lambda connection: _find(connection, channel_id, user_id))

    async def members(self, channel_id: UUID, ordering: str, request: PageRequest) -> list[Member]:
        wanted = paged(
            _people().where(members.c.channel_id == channel_id),
            members.c.created_at,
            members.c.id,
            request,
            descending=ordering.startswith("-"),
        )

        async def query(connection: AsyncConnection) -> list[Member]:
            rows = (await connection.execute(wanted)).mappings()
            return [member_from(row) for row in rows]

        return await self._database.read(query)

    async def change_member(
        self, channel_id: UUID, user_id: UUID, changes: MemberChanges, at: datetime
    ) -> Member | None:
        async def change(connection: AsyncConnection) -> Member | None:
            channel = (await connection.execute(locked(channel_id))).mappings().one_or_none()
            if channel is None:
                return None
            before = await _find(connection, channel_id, user_id)
            if before is None:
                return None
            values: dict[str, Any] = {"updated_at": at}
            if changes.is_admin is False and before.is_admin:
                await _leave_an_admin(connection, channel_id, user_id)
            if changes.is_admin is not None:
                values["is_admin"] = changes.is_admin
            if changes.sees:
                values["last_seen_at"] = changes.last_seen_at
                # A time in the future does not cover messages that are not posted yet.
                seen = changes.last_seen_at or before.created_at
                since = values["seen_until"] = min(seen, channel["latest_message_created_at"])
                values |= await _unread(connection, channel_id, user_id, since)
            await connection.execute(update(members).where(_at(channel_id, user_id)).values(values))
            return await _find(connection, channel_id, user_id)

        return await self._database.write(change)

    async def set_mode(self, channel_id: UUID, user_id: UUID, mode: NotifyMode, at: datetime) -> Member | None:
        async def change(connection: AsyncConnection) -> Member | None:
            values = {"mode": mode.value, "settings_updated_at": at}
            await connection.execute(update(members).where(_at(channel_id, user_id)).values(values))
            return await _find(connection, channel_id, user_id)

        return await self._database.write(change)

    async def remove_member(self, channel_id: UUID, user_id: UUID) -> bool:
        async def change(connection: AsyncConnection) -> bool:
            await connection.execute(locked(channel_id))
            is_admin = select(members.c.is_admin).where(_at(channel_id, user_id))
            if (await connection.execute(is_admin)).scalar_one_or_none():
                await _leave_an_admin(connection, channel_id, user_id)
            if (await connection.execute(members.delete().where(_at(channel_id, user_id)))).rowcount == 0:
                return False
            fewer = {"member_count": channels.c.member_count - 1}
            await connection.execute(update(channels).where(channels.c.id == channel_id).values(fewer))
            return True

        return await self._database.write(change)

    async def joined(
        self, user_id: UUID, ordering: str, request: PageRequest, *, direct: bool, since: datetime | None = None
    ) -> list[Joined]:
        by_creation, descending = ordering.lstrip("-") == "created_at", ordering.startswith("-")
        at = members.c.channel_created_at if by_creation else members.c.channel_latest_at
        if since is None:
            mine = _joined(user_id).where(DIRECT) if direct else _joined(user_id)
            return await self._read_joined(paged(mine, at, members.c.channel_id, request, descending=descending))
        own = [members.c.user_id == user_id, *([DIRECT] if direct else [])]
        both = places(
            members.c.channel_id, at, members.c.channel_created_at, *own,
            request=request, descending=descending, since=since,
        )  # fmt: skip
        wanted = on_page(both, request, descending, _rooms(user_id), *MEMBER_COLUMNS)
        return await self._read_joined(wanted, since)

    async def joined_channel(self, user_id: UUID, channel_id: UUID) -> Joined | None:
        found = await self._read_joined(_joined(user_id).where(members.c.channel_id == channel_id))
        return found[0] if found else None

    async def _read_joined(self, wanted: Select[Any], since: datetime | None = None) -> list[Joined]:
        async def query(connection: AsyncConnection) -> list[Joined]:
            rows = (await connection.execute(wanted)).mappings()
            return [Joined(listed(row, since), member_from(row)) for row in rows]

        return await self._database.read(query)


def _rooms(user_id: UUID) -> FromClause:
    here = and_(members.c.channel_id == channels.c.id, members.c.user_id == user_id)
    return members.join(channels, here).join(users, users.c.id == members.c.user_id)


def _joined(user_id: UUID) -> Select[Any]:
    return with_latest(*MEMBER_COLUMNS, source=_rooms(user_id)).where(members.c.user_id == user_id)


ONLY_ADMIN = "This is the channel's only admin. Make another member an admin first, or delete the channel."


async def _leave_an_admin(connection: AsyncConnection, channel_id: UUID, user_id: UUID) -> None:
    """Raise Conflict if the user is the only admin whose account is not deleted. The channel must be locked."""
    others = (
        select(members.c.id)
        .join(users, users.c.id == members.c.user_id)
        .where(
            members.c.channel_id == channel_id,
            members.c.user_id != user_id,
            members.c.is_admin.is_(True),
            users.c.deleted_at.is_(None),
        )
    )
    if (await connection.execute(others.limit(1))).first() is None:
        raise Conflict(ONLY_ADMIN)


async def _unread(connection: AsyncConnection, channel_id: UUID, user_id: UUID, since: datetime) -> dict[str, int]:
    """Recount. The channel must be locked, so that no message is posted meanwhile."""
    later = and_(
        messages.c.channel_id == channel_id,
        messages.c.created_at > since,
        messages.c.author_id != user_id,
        messages.c.type != "deleted",
    )
    to_all = func.coalesce(func.sum(messages.c.notify_channel.cast(members.c.unread_mention_count.type)), 0)
    total, for_all = (await connection.execute(select(func.count(), to_all).where(later))).one()
    by_name = select(func.count()).where(
        mentions.c.channel_id == channel_id, mentions.c.user_id == user_id, mentions.c.created_at > since
    )
    named = (await connection.execute(by_name)).scalar_one()
    return {"unread_message_count": total, "unread_mention_count": int(for_all) + named}
