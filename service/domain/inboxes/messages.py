"""Messages of conversations: post, list, change the status, delete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from service.clock import Clock
from service.domain.errors import NotFound
from service.domain.inboxes.access import Desk
from service.domain.inboxes.announcements import Announcer, WebhookEvent
from service.domain.inboxes.entities import (
    ContentType,
    Conversation,
    ConversationStatus,
    ConversationView,
    Inbox,
    InboxMessage,
    MessageKind,
    MessageStatus,
    SenderKind,
    SentMessage,
)
from service.domain.inboxes.errors import ONLY_INCOMING_IN_API, STATUS_ONLY_IN_API, OnlyApiInboxes, Refused
from service.domain.inboxes.files import NewFile, kept, stored_rows
from service.domain.inboxes.inboxes import found_inbox
from service.domain.inboxes.lifecycle import change_status
from service.domain.inboxes.ports import AttachmentFiles, InboxRecords, InboxStore, InboxTransaction
from service.domain.inboxes.rules import MAX_MESSAGES_PER_MINUTE, require_content
from service.domain.inboxes.views import view_of, with_senders

PAGE = 20
"""Messages of a page, without `after`."""

PAGE_AFTER = 100
PAGE_BETWEEN = 1_000

MINUTE = timedelta(minutes=1)

DELETED = "This message was deleted"

Sender = tuple[SenderKind, int]


@dataclass(frozen=True, slots=True)
class NewInboxMessage:
    """A message to post."""

    content: str | None = None
    kind: MessageKind = MessageKind.OUTGOING
    private: bool = False
    content_type: ContentType = ContentType.TEXT
    content_attributes: Mapping[str, Any] = field(default_factory=dict)
    source_id: str | None = None
    files: Sequence[NewFile] = ()
    room_message_id: UUID | None = None
    """The message of the channel's room that this one repeats."""


class Room(Protocol):
    """Where the messages of bound inboxes appear."""

    async def to_room(
        self, tx: InboxTransaction, inbox: Inbox, conversation: Conversation, sent: SentMessage
    ) -> UUID | None:
        """Post a message of a conversation to the room of its inbox. Return the id it has there; None if it is not posted."""


class InboxMessages:
    """Every method may raise NotFound and Unavailable. `number`: the conversation's id in its account."""

    def __init__(
        self, store: InboxStore, announcer: Announcer, room: Room, files: AttachmentFiles, clock: Clock
    ) -> None:
        self._store = store
        self._room = room
        self._announcer = announcer
        self._files = files
        self._clock = clock

    async def create(self, desk: Desk, number: int, new: NewInboxMessage) -> SentMessage:
        """Post a message of the agent, or of the contact if it is incoming. Raise Refused."""
        require_content(new.content, len(new.files))
        async with kept(self._files, new.files), self._store.transaction() as tx:
            conversation = await tx.inboxes.conversation(desk.account_id, number, lock=True)
            if conversation is None:
                raise NotFound
            sender = SenderKind.AGENT, desk.agent.id
            return await post(tx, self._announcer, conversation, new, sender, self._clock.now(), self._room)

    async def list(
        self, desk: Desk, number: int, before: int | None, after: int | None
    ) -> tuple[ConversationView, list[SentMessage]]:
        """Return the conversation, and messages in ascending order: the latest, or those before, after or between ids."""
        limit = PAGE if after is None else PAGE_AFTER if before is None else PAGE_BETWEEN
        async with self._store.reading_inboxes() as records:
            conversation = await records.conversation(desk.account_id, number)
            if conversation is None:
                raise NotFound
            found = await records.messages(conversation.id, before=before, after=after, limit=limit, public=False)
            return await view_of(records, conversation), await with_senders(records, conversation, found)

    async def set_status(
        self, desk: Desk, number: int, message_id: int, status: MessageStatus, external_error: str | None
    ) -> SentMessage:
        """Set the status that the source reports. A message that is read does not go back to delivered.

        Raises:
            OnlyApiInboxes: The inbox is of another type.
        """
        async with self._store.transaction() as tx:
            conversation, message, inbox = await _locked(tx.inboxes, desk, number, message_id)
            if not inbox.is_api:
                raise OnlyApiInboxes(STATUS_ONLY_IN_API)
            if message.status is MessageStatus.READ and status is MessageStatus.DELIVERED:
                return (await with_senders(tx.inboxes, conversation, [message]))[0]
            attributes = {**message.content_attributes}
            attributes.pop("external_error", None)
            if status is MessageStatus.FAILED and external_error:
                attributes["external_error"] = external_error
            values = {"status": status.value, "content_attributes": attributes}
            return await self._changed(tx, conversation, message, values)

    async def delete(self, desk: Desk, number: int, message_id: int) -> SentMessage:
        """Replace the content of a message and delete its files."""
        async with self._store.transaction() as tx:
            conversation, message, _ = await _locked(tx.inboxes, desk, number, message_id)
            tokens = await tx.inboxes.remove_attachments(message.id)
            values = {
                "content": DELETED,
                "content_type": ContentType.TEXT.value,
                "content_attributes": {"deleted": True},
            }
            sent = await self._changed(tx, conversation, message, values)
        for token in tokens:
            await self._files.remove(token)
        return sent

    async def _changed(
        self, tx: InboxTransaction, conversation: Conversation, message: InboxMessage, values: dict[str, Any]
    ) -> SentMessage:
        changed = await tx.inboxes.change_message(message.id, {**values, "updated_at": self._clock.now()})
        (sent,) = await with_senders(tx.inboxes, conversation, [changed])
        view = await view_of(tx.inboxes, conversation)
        await self._announcer.message(tx.inboxes, WebhookEvent.MESSAGE_UPDATED, view, sent)
        return sent


async def _locked(
    records: InboxRecords, desk: Desk, number: int, message_id: int
) -> tuple[Conversation, InboxMessage, Inbox]:
    conversation = await records.conversation(desk.account_id, number, lock=True)
    message = None if conversation is None else await records.message(conversation.id, message_id)
    if conversation is None or message is None:
        raise NotFound
    return conversation, message, await found_inbox(records.inbox(desk.account_id, message.inbox_id))


async def post(
    tx: InboxTransaction,
    announcer: Announcer,
    conversation: Conversation,
    new: NewInboxMessage,
    agent: Sender | None,
    now: datetime,
    room: Room | None = None,
) -> SentMessage:
    """Store a message with its effects on the locked conversation, and their events.

    `agent` sends what is outgoing. `room`: where the message appears as well, unless it comes from there.

    Raises:
        Refused: It is incoming in an inbox of another type, or there are too many messages.
    """
    records = tx.inboxes
    inbox = await found_inbox(records.inbox(conversation.account_id, conversation.inbox_id))
    if new.kind is MessageKind.INCOMING and not inbox.is_api:
        raise Refused(ONLY_INCOMING_IN_API)
    recent = await records.count_messages(conversation.id, now - MINUTE, limit=MAX_MESSAGES_PER_MINUTE)
    if recent >= MAX_MESSAGES_PER_MINUTE:
        raise Refused("Validation failed: Too many messages")
    row = await records.add_message(_row(conversation, new, _sender(conversation, new, agent), now))
    if new.files:
        await records.add_attachments(stored_rows(new.files, conversation.account_id, row.id, now))
    conversation = await records.change_conversation(conversation.id, _effects(conversation, new, now))
    if new.kind is MessageKind.INCOMING:
        contact = await records.change_contact(conversation.contact_id, {"last_activity_at": now})
        if conversation.status in (ConversationStatus.RESOLVED, ConversationStatus.SNOOZED) and not contact.blocked:
            conversation = await change_status(records, announcer, conversation, ConversationStatus.OPEN, now)
    (sent,) = await with_senders(records, conversation, [row])
    await announcer.message(records, WebhookEvent.MESSAGE_CREATED, await view_of(records, conversation), sent)
    if room is not None:  # last, so that the channel is locked for a short time
        room_message_id = await room.to_room(tx, inbox, conversation, sent)
        if room_message_id is not None:
            await records.change_message(row.id, {"room_message_id": room_message_id})
    return sent


def _sender(conversation: Conversation, new: NewInboxMessage, agent: Sender | None) -> Sender | None:
    match new.kind:
        case MessageKind.INCOMING:
            return SenderKind.CONTACT, conversation.contact_id
        case MessageKind.OUTGOING:
            return agent
        case _:
            return None


def _row(conversation: Conversation, new: NewInboxMessage, sender: Sender | None, now: datetime) -> dict[str, Any]:
    return {
        "account_id": conversation.account_id,
        "inbox_id": conversation.inbox_id,
        "conversation_id": conversation.id,
        "kind": int(new.kind),
        "content": new.content,
        "content_type": new.content_type.value,
        "content_attributes": dict(new.content_attributes),
        "private": new.private,
        "status": MessageStatus.SENT.value,
        "source_id": new.source_id,
        "sender_kind": None if sender is None else sender[0].value,
        "sender_id": None if sender is None else sender[1],
        "room_message_id": new.room_message_id,
        "created_at": now,
        "updated_at": now,
    }


def _effects(conversation: Conversation, new: NewInboxMessage, now: datetime) -> dict[str, Any]:
    """Return what a message changes in its conversation, apart from the status."""
    values: dict[str, Any] = {"last_activity_at": now, "updated_at": now}
    if new.kind is MessageKind.INCOMING:
        values["waiting_since"] = conversation.waiting_since or now
    elif new.kind is MessageKind.OUTGOING and not new.private:
        values["waiting_since"] = None
        values["first_reply_created_at"] = conversation.first_reply_created_at or now
    return values
