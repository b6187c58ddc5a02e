"""Messages of conversations, and their files. Their ids ascend within a conversation, whose row is locked to add one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from service.domain.inboxes.entities import (
    Attachment,
    ContentType,
    InboxMessage,
    MessageKind,
    MessageStatus,
    SenderKind,
)
from service.store.inbox_tables import inbox_attachments, inbox_messages, inboxes
from service.store.inboxes.records import Records, entity_reader

_message = entity_reader(
    InboxMessage, kind=MessageKind, content_type=ContentType, status=MessageStatus, sender_kind=SenderKind
)
_attachment = entity_reader(Attachment)

_PUBLIC = (inbox_messages.c.private.is_(False), inbox_messages.c.kind != int(MessageKind.ACTIVITY))


class StoredInboxMessages(Records):
    """Implements the part of `domain.inboxes.conversation_records.ConversationRecords` about messages and files."""

    async def add_message(self, values: Mapping[str, Any]) -> InboxMessage:
        return await self._insert(_message, inbox_messages, values)

    async def message(self, conversation_id: int, message_id: int) -> InboxMessage | None:
        here = inbox_messages.c.conversation_id == conversation_id
        return await self._one(_message, select(inbox_messages).where(here, inbox_messages.c.id == message_id))

    async def message_by_id(self, message_id: int) -> InboxMessage | None:
        return await self._one(_message, select(inbox_messages).where(inbox_messages.c.id == message_id))

    async def message_of_room(self, channel_id: UUID, room_message_id: UUID) -> InboxMessage | None:
        there = inbox_messages.join(inboxes, inboxes.c.id == inbox_messages.c.inbox_id)
        found = select(inbox_messages).select_from(there).where(inboxes.c.channel_id == channel_id)
        return await self._one(_message, found.where(inbox_messages.c.room_message_id == room_message_id))

    async def change_message(self, message_id: int, values: Mapping[str, Any]) -> InboxMessage:
        return await self._update(_message, inbox_messages, message_id, values)

    async def messages(
        self, conversation_id: int, *, before: int | None, after: int | None, limit: int, public: bool
    ) -> list[InboxMessage]:
        wanted = select(inbox_messages).where(inbox_messages.c.conversation_id == conversation_id)
        if before is not None:
            wanted = wanted.where(inbox_messages.c.id < before)
        if after is not None:
            wanted = wanted.where(inbox_messages.c.id > after)
        if public:
            wanted = wanted.where(*_PUBLIC)
        order = inbox_messages.c.id.asc() if after is not None else inbox_messages.c.id.desc()
        found = await self._all(_message, wanted.order_by(order).limit(limit))
        return sorted(found, key=lambda each: each.id)

    async def last_message(self, conversation_id: int) -> InboxMessage | None:
        found = await self.messages(conversation_id, before=None, after=None, limit=1, public=True)
        return found[0] if found else None

    async def count_messages(
        self, conversation_id: int, since: datetime | None, kind: int | None = None, *, limit: int
    ) -> int:
        its = inbox_messages.c.conversation_id == conversation_id
        latest = select(inbox_messages).where(its).order_by(inbox_messages.c.id.desc()).limit(limit).subquery()
        counted = select(func.count()).select_from(latest)
        if since is not None:
            counted = counted.where(latest.c.created_at > since)
        if kind is not None:
            counted = counted.where(latest.c.kind == kind)
        return int((await self._connection.execute(counted)).scalar_one())

    async def add_attachments(self, values: Sequence[Mapping[str, Any]]) -> list[Attachment]:
        return [await self._insert(_attachment, inbox_attachments, each) for each in values]

    async def remove_attachments(self, message_id: int) -> list[str]:
        its = inbox_attachments.delete().where(inbox_attachments.c.message_id == message_id)
        return list((await self._connection.execute(its.returning(inbox_attachments.c.token))).scalars())

    async def attachments(self, message_ids: Collection[int]) -> list[Attachment]:
        if not message_ids:
            return []
        wanted = select(inbox_attachments).where(inbox_attachments.c.message_id.in_(message_ids))
        return await self._all(_attachment, wanted.order_by(inbox_attachments.c.id))

    async def attachment(self, token: str) -> Attachment | None:
        return await self._one(_attachment, select(inbox_attachments).where(inbox_attachments.c.token == token))
