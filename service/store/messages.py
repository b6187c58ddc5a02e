"""Messages, and their effects on the channel and on the unread counts of its members."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, Select, and_, case, false, or_, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.clock import Clock
from service.domain.conversation.ports import Posted
from service.domain.entities import Entry, Message, MessageType, NewMessage, NotifyMode
from service.domain.errors import Conflict
from service.domain.paging import PageRequest
from service.store.channels import StoredChannels, locked
from service.store.connections import Connections
from service.store.conversation_tables import members, mentions, messages
from service.store.rows import MESSAGE_COLUMNS, PEOPLE, message_from, prefixed, written
from service.store.statements import paged
from service.store.tables import channels, users

TICK = timedelta(microseconds=1)
"""The smallest interval between two messages of a channel, so that paging by time returns each once."""


def _with_author() -> Select[Any]:
    columns = [*MESSAGE_COLUMNS, *prefixed(users, "author", PEOPLE)]
    return select(*columns).select_from(messages.join(users, users.c.id == messages.c.author_id))


def _at(channel_id: UUID, message_id: UUID) -> ColumnElement[bool]:
    return and_(messages.c.id == message_id, messages.c.channel_id == channel_id)


async def _find(connection: AsyncConnection, channel_id: UUID, message_id: UUID) -> Message | None:
    row = (await connection.execute(_with_author().where(_at(channel_id, message_id)))).mappings().one_or_none()
    return None if row is None else message_from(row)


class StoredMessages:
    """Implements `domain.conversation_ports.MessageStore`."""

    def __init__(self, database: Connections) -> None:
        self._database = database
        self._channels = StoredChannels(database)

    async def entry(self, organization_id: UUID, channel_id: UUID, user_id: UUID | None) -> Entry | None:
        return await self._channels.entry(organization_id, channel_id, user_id)

    async def post(self, new: NewMessage, clock: Clock) -> Posted | None:
        async def change(connection: AsyncConnection) -> Posted | None:
            channel = (await connection.execute(locked(new.channel_id))).mappings().one_or_none()
            if channel is None:
                return None
            notified: Sequence[UUID] = ()
            made = not await _was_sent_before(connection, new)
            if made:
                # The channel's row is locked: times grow in the order of posting, even if the clock was set back.
                notified = await _add(connection, new, max(clock.now(), channel["latest_message_created_at"] + TICK))
            message = await _find(connection, new.channel_id, new.id)
            return None if message is None else Posted(message, made, channel["is_private"], notified)

        return await self._database.write(change)

    async def message(self, channel_id: UUID, message_id: UUID) -> Message | None:
        return await self._database.read(lambda connection: _find(connection, channel_id, message_id))

    async def messages(self, channel_id: UUID, ordering: str, request: PageRequest) -> list[Message]:
        wanted = paged(
            _with_author().where(messages.c.channel_id == channel_id),
            messages.c.created_at,
            messages.c.id,
            request,
            descending=ordering.startswith("-"),
        )

        async def query(connection: AsyncConnection) -> list[Message]:
            return [message_from(row) for row in (await connection.execute(wanted)).mappings()]

        return await self._database.read(query)

    async def edit(self, channel_id: UUID, message_id: UUID, body: Mapping[str, Any], at: datetime) -> Message | None:
        async def change(connection: AsyncConnection) -> Message | None:
            await connection.execute(locked(channel_id))  # its latest message may be this one
            present = and_(_at(channel_id, message_id), messages.c.type != MessageType.DELETED.value)
            values = {"body": written(body), "is_edited": True, "updated_at": at}
            done = await connection.execute(update(messages).where(present).values(values))
            return None if done.rowcount == 0 else await _find(connection, channel_id, message_id)

        return await self._database.write(change)

    async def delete(self, channel_id: UUID, message_id: UUID, at: datetime) -> bool:
        async def change(connection: AsyncConnection) -> bool:
            if (await connection.execute(locked(channel_id))).first() is None:
                return False
            here = _at(channel_id, message_id)
            row = (await connection.execute(select(messages).where(here))).mappings().one_or_none()
            if row is None:
                return False
            if row["type"] != MessageType.DELETED.value:
                await _empty(connection, row, at)
            return True

        return await self._database.write(change)


TAKEN = "There is another message with this id in the channel."


async def _was_sent_before(connection: AsyncConnection, new: NewMessage) -> bool:
    """Return the stored message, if it is the same. Raise Conflict if it is another one."""
    taken = select(messages.c.author_id, messages.c.digest).where(_at(new.channel_id, new.id))
    found = (await connection.execute(taken)).one_or_none()
    if found is None:
        return False
    if tuple(found) != (new.author_id, new.digest):
        raise Conflict(TAKEN)
    return True


async def _add(connection: AsyncConnection, new: NewMessage, at: datetime) -> list[UUID]:
    """Store a message, and return the mentioned members that are not muted."""
    row = {
        "id": new.id,
        "channel_id": new.channel_id,
        "organization_id": new.organization_id,
        "author_id": new.author_id,
        "type": new.type.value,
        "body": written(new.body),
        "is_edited": False,
        "notify_channel": new.notify_channel,
        "digest": new.digest,
        "created_at": at,
        "updated_at": at,
    }
    await connection.execute(messages.insert().values(row))
    mentioned = await _mentioned(connection, new)
    # A message to all is counted by its own flag, not by a row for each member.
    named = [] if new.notify_channel else [user_id for user_id, _ in mentioned]
    if named:
        mention = {"message_id": new.id, "channel_id": new.channel_id, "created_at": at}
        await connection.execute(mentions.insert(), [{**mention, "user_id": user_id} for user_id in named])
    latest = {"latest_message_id": new.id, "latest_message_created_at": at}
    await connection.execute(update(channels).where(channels.c.id == new.channel_id).values(latest))
    meant = true() if new.notify_channel else members.c.user_id.in_(named)
    await _count(connection, new.channel_id, new.author_id, at, meant, 1)
    # A copy for each member, so that the pages of a user's channels are read from one index.
    all_members = update(members).where(members.c.channel_id == new.channel_id)
    await connection.execute(all_members.values(channel_latest_at=at))
    return [user_id for user_id, mode in mentioned if mode != NotifyMode.MUTED.value]


async def _mentioned(connection: AsyncConnection, new: NewMessage) -> list[tuple[UUID, str]]:
    """Return the mentioned users that are members, except for the author, with their modes. Only members have counts."""
    if not new.notify_users and not new.notify_channel:
        return []
    listed = select(members.c.user_id, members.c.mode).where(
        members.c.channel_id == new.channel_id, members.c.user_id != new.author_id
    )
    if not new.notify_channel:
        listed = listed.where(members.c.user_id.in_(set(new.notify_users)))
    return [(row.user_id, row.mode) for row in await connection.execute(listed)]


async def _count(
    connection: AsyncConnection,
    channel_id: UUID,
    author_id: UUID,
    at: datetime,
    meant: ColumnElement[bool],
    by: int,
) -> None:
    """Change the counts of all members but the author for whom a message of that time is unread. The channel must be locked."""
    unread = and_(members.c.channel_id == channel_id, members.c.user_id != author_id, members.c.seen_until < at)
    await connection.execute(
        update(members)
        .where(unread)
        .values(
            unread_message_count=members.c.unread_message_count + by,
            unread_mention_count=members.c.unread_mention_count + case((meant, by), else_=0),
        )
    )


async def _empty(connection: AsyncConnection, row: RowMapping, at: datetime) -> None:
    """Delete the content of a message and keep its row."""
    here = and_(mentions.c.channel_id == row["channel_id"], mentions.c.message_id == row["id"])
    named = select(mentions.c.user_id).where(here)
    meant = or_(true() if row["notify_channel"] else false(), members.c.user_id.in_(named))
    # Before the mentions are deleted: they say whose count decreases.
    await _count(connection, row["channel_id"], row["author_id"], row["created_at"], meant, -1)
    await connection.execute(mentions.delete().where(here))
    nothing = {"type": MessageType.DELETED.value, "body": "{}", "notify_channel": False, "updated_at": at}
    await connection.execute(update(messages).where(_at(row["channel_id"], row["id"])).values(nothing))
