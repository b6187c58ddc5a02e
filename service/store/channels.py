"""The store of channels."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, ColumnElement, FromClause, Select, and_, false, or_, select, union_all, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.domain.entities import Channel, Entry
from service.domain.errors import Conflict
from service.domain.paging import PageRequest
from service.store.channel_pages import places
from service.store.connections import Connections
from service.store.conversation_tables import PRIVATE, former_members, members, messages
from service.store.rows import (
    CHANNEL_COLUMNS,
    MESSAGE_COLUMNS,
    PEOPLE,
    Row,
    channel_from,
    member_row,
    message_from,
    prefixed,
)
from service.store.statements import paged, values_of
from service.store.tables import PUBLIC, channels, live_inputs, organizations, users

_LATEST_AUTHOR = users.alias("latest_author")
_DEFAULT_AND_PRIVATE = (channels.c.is_default_channel, channels.c.is_private)
_COLUMNS = [*CHANNEL_COLUMNS, *MESSAGE_COLUMNS, *prefixed(_LATEST_AUTHOR, "latest_author", PEOPLE)]


def fold(text: str) -> str:
    """Return the form in which names are compared in a search: without case."""
    return text.casefold()


def with_latest(*more: Any, source: FromClause = channels) -> Select[Any]:
    """Return a query for channels, each with its latest message, and `more` columns. `source`: channels, possibly joined."""
    latest = and_(messages.c.channel_id == channels.c.id, messages.c.id == channels.c.latest_message_id)
    # Outer joins come last: SQLite does not reorder them.
    full = source.outerjoin(messages, latest).outerjoin(_LATEST_AUTHOR, _LATEST_AUTHOR.c.id == messages.c.author_id)
    return select(*_COLUMNS, *more).select_from(full)


def shown(row: Row) -> Channel:
    """Return the channel in a row of `with_latest`."""
    has_message = row["message_id"] is not None
    return channel_from(row, message_from(row, "latest_author") if has_message else None)


def listed(row: Row, since: datetime | None) -> Channel:
    """Return the channel in a row of `on_page`."""
    return shown(row) if since is None else replace(shown(row), listed_at=row["listed_at"])


def visible_to(user_id: UUID | None) -> ColumnElement[bool]:
    """Return the condition for public channels, and for private and direct ones that the user is in."""
    public = channels.c.is_private == false()
    if user_id is None:
        return public
    # Not EXISTS: PostgreSQL turns it into a hash of all the user's channels where it expects many rows.
    inside = select(members.c.id).where(members.c.channel_id == channels.c.id, members.c.user_id == user_id)
    return or_(public, inside.correlate(channels).scalar_subquery().is_not(None))


def _is(organization_id: UUID, channel_id: UUID) -> ColumnElement[bool]:
    return and_(
        channels.c.id == channel_id, channels.c.organization_id == organization_id, channels.c.deleted_at.is_(None)
    )


def _is_admin(user_id: UUID) -> ColumnElement[Any]:
    """Return an expression: whether the member is an admin; NULL for a user that is not a member."""
    theirs = select(members.c.is_admin).where(members.c.channel_id == channels.c.id, members.c.user_id == user_id)
    return theirs.correlate(channels).scalar_subquery().label("is_admin")


def _some_admin() -> ColumnElement[Any]:
    """Return an expression: an admin of the channel; NULL if it has none. Deleted users do not count."""
    admins = (
        select(members.c.user_id)
        .join(users, users.c.id == members.c.user_id)
        .where(members.c.channel_id == channels.c.id, members.c.is_admin.is_(True), users.c.deleted_at.is_(None))
        .limit(1)
    )
    return admins.correlate(channels).scalar_subquery().label("some_admin")


def locked(channel_id: UUID) -> Select[Any]:
    """Return the query that each change in a channel starts with. It locks the channel's row until the end of the transaction."""
    present = and_(channels.c.id == channel_id, channels.c.deleted_at.is_(None))
    return select(channels).where(present).with_for_update()


def recordings_visible_to(user_id: UUID | None) -> ColumnElement[bool]:
    """Return the condition for visible recordings: as the channel; of a deleted private one, to its last members (None: all)."""
    deleted = channels.c.deleted_at.is_not(None)
    if user_id is None:
        return or_(visible_to(None), deleted)
    was_inside = select(former_members.c.user_id).where(
        former_members.c.channel_id == channels.c.id, former_members.c.user_id == user_id
    )
    return or_(visible_to(user_id), and_(deleted, was_inside.correlate(channels).exists()))


def channel_row(channel: Channel) -> dict[str, Any]:
    values = values_of(channel) | {"name_folded": fold(channel.name), "type": int(channel.type)}
    del values["latest_message"], values["listed_at"]
    return values


def named(search: str, folded: Column[str]) -> ColumnElement[bool]:
    """Return the condition that the name in the column `folded` contains `search`, in any case.

    It is a subquery, although of the same row: with the plain condition, PostgreSQL expects few matches and scans the rows of all
    organizations.
    """
    return select(_fits(search, folded)).correlate(folded.table).scalar_subquery()


def _named_elsewhere(search: str, channel_id: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return the same condition for the channel with that id, for rows without its name."""
    there = select(_fits(search, channels.c.name_folded)).where(channels.c.id == channel_id)
    return there.correlate_except(channels).scalar_subquery()


def _fits(search: str, folded: Column[str]) -> ColumnElement[bool]:
    return folded.contains(fold(search), autoescape=True)


def _listed(
    organization_id: UUID,
    user_id: UUID | None,
    ordering: str,
    request: PageRequest,
    search: str,
    since: datetime | None,
) -> Select[Any]:
    """Return the query for a page of public channels and of the user's private ones.

    They are read separately, because one index over both would include the private channels of other users.
    """
    by_creation = ordering.lstrip("-") == "created_at"
    descending = ordering.startswith("-")
    public_at = channels.c.created_at if by_creation else channels.c.latest_message_created_at
    here = channels.c.organization_id == organization_id
    fits = [named(search, channels.c.name_folded)] if search else []
    both = places(
        channels.c.id, public_at, channels.c.created_at, here, PUBLIC, *fits,
        request=request, descending=descending, since=since,
    )  # fmt: skip
    if user_id is not None:
        own_at = members.c.channel_created_at if by_creation else members.c.channel_latest_at
        own = and_(members.c.user_id == user_id, members.c.organization_id == organization_id, PRIVATE)
        fits = [_named_elsewhere(search, members.c.channel_id)] if search else []
        both += places(
            members.c.channel_id, own_at, members.c.channel_created_at, own, *fits,
            request=request, descending=descending, since=since,
        )  # fmt: skip
    return on_page(both, request, descending, channels)


def on_page(
    both: Sequence[Select[Any]], request: PageRequest, descending: bool, source: FromClause, *more: Any
) -> Select[Any]:
    """Return the query for the channels at these `places`, in order. `source` includes the table of channels."""
    page = union_all(*both).subquery()
    full = with_latest(page.c.at.label("listed_at"), *more, source=source.join(page, page.c.id == channels.c.id))
    return paged(full, page.c.at, page.c.id, request, descending=descending)


class StoredChannels:
    """Implements `domain.conversation.ports.ChannelStore`."""

    def __init__(self, database: Connections) -> None:
        self._database = database

    async def add_channel(self, channel: Channel, member_ids: Collection[UUID] = ()) -> None:
        async def change(connection: AsyncConnection) -> None:
            await connection.execute(channels.insert().values(channel_row(channel)))
            admin = channel.creator_id or next(iter(member_ids), None)
            rows = [member_row(channel, each, is_admin=each == admin) for each in member_ids]
            if rows:
                await connection.execute(members.insert(), rows)

        await self._database.write(change)

    async def channel(self, organization_id: UUID, channel_id: UUID) -> Channel | None:
        row = await self._row(with_latest().where(_is(organization_id, channel_id)))
        return None if row is None else shown(row)

    async def is_private(self, channel_id: UUID) -> bool:
        wanted = select(channels.c.is_private).where(channels.c.id == channel_id)
        row = await self._row(wanted)
        return row is None or bool(row["is_private"])

    async def entry(self, organization_id: UUID, channel_id: UUID, user_id: UUID | None) -> Entry | None:
        # One statement, because in PostgreSQL each one has its own snapshot: with two, a channel that is deleted between them
        # would exist without members.
        if user_id is None:
            row = await self._row(with_latest(_some_admin()).where(_is(organization_id, channel_id)))
            return None if row is None else Entry(shown(row), is_member=False, is_admin=row["some_admin"] is None)
        row = await self._row(with_latest(_is_admin(user_id)).where(_is(organization_id, channel_id)))
        if row is None:
            return None
        return Entry(shown(row), is_member=row["is_admin"] is not None, is_admin=bool(row["is_admin"]))

    async def _row(self, wanted: Select[Any]) -> Row | None:
        async def query(connection: AsyncConnection) -> Row | None:
            row: Row | None = (await connection.execute(wanted)).mappings().one_or_none()
            return row

        return await self._database.read(query)

    async def channels(
        self,
        organization_id: UUID,
        ordering: str,
        request: PageRequest,
        user_id: UUID | None = None,
        *,
        search: str = "",
        since: datetime | None = None,
    ) -> list[Channel]:
        wanted = _listed(organization_id, user_id, ordering, request, search, since)

        async def query(connection: AsyncConnection) -> list[Channel]:
            return [listed(row, since) for row in (await connection.execute(wanted)).mappings()]

        return await self._database.read(query)

    async def change_channel(self, channel_id: UUID, values: Mapping[str, Any], at: datetime) -> bool:
        row = dict(values) | {"updated_at": at}
        if "name" in row:
            row["name_folded"] = fold(row["name"])
        if "type" in row:
            row["type"] = int(row["type"])

        async def change(connection: AsyncConnection) -> bool:
            if row.get("is_default_channel"):
                await _be_the_default(connection, channel_id)
            present = and_(channels.c.id == channel_id, channels.c.deleted_at.is_(None))
            changed = update(channels).where(present).values(row)
            changed_to = (await connection.execute(changed.returning(*_DEFAULT_AND_PRIVATE))).one_or_none()
            if changed_to is None:
                return False
            # Checked on the stored row: an earlier request may have set one of the two.
            if all(changed_to) and any(each.name in row for each in _DEFAULT_AND_PRIVATE):
                raise Conflict("The organization's default channel is a public one.")
            if "is_private" in row:
                theirs = and_(members.c.channel_id == channel_id, members.c.is_direct.is_(False))
                await connection.execute(update(members).where(theirs).values(is_private=row["is_private"]))
            if "name_folded" in row:
                its = update(live_inputs).where(live_inputs.c.channel_id == channel_id)
                await connection.execute(its.values(channel_name_folded=row["name_folded"]))
            return True

        return await self._database.write(change)

    async def remove_channel(self, channel_id: UUID, at: datetime) -> bool:
        async def change(connection: AsyncConnection) -> bool:
            if (await connection.execute(locked(channel_id))).first() is None:
                return False
            its = members.c.channel_id == channel_id
            left = select(members.c.channel_id, members.c.user_id).where(its, PRIVATE)
            await connection.execute(former_members.insert().from_select(["channel_id", "user_id"], left))
            await connection.execute(members.delete().where(its))
            gone = {"deleted_at": at, "member_count": 0}
            await connection.execute(update(channels).where(channels.c.id == channel_id).values(gone))
            return True

        return await self._database.write(change)


async def _be_the_default(connection: AsyncConnection, channel_id: UUID) -> None:
    """Raise Conflict if another channel is the default. The organization is locked, so that concurrent changes see each other."""
    home = select(channels.c.organization_id).where(channels.c.id == channel_id).scalar_subquery()
    await connection.execute(
        # FOR NO KEY UPDATE lets other transactions add rows that refer to the organization (PostgreSQL §13.3.2).
        select(organizations.c.id).where(organizations.c.id == home).with_for_update(key_share=True)
    )
    others = select(channels.c.id).where(
        channels.c.organization_id == home,
        channels.c.id != channel_id,
        channels.c.is_default_channel.is_(True),
        channels.c.deleted_at.is_(None),
    )
    if (await connection.execute(others.limit(1))).first() is not None:
        raise Conflict("Another channel is the organization's default: it has to stop being that first.")
