"""Inboxes that are bound to a channel: their messages appear in its room, and replies there go back to the conversation.

    contact ─▶ incoming message ─▶ room, as the inbox's bot
    user in the room ─▶ message with `reply_to` ─▶ outgoing message ─▶ webhook
    agent in the API ─▶ outgoing message ─▶ room, as the agent, and webhook

There are no loops. What comes from a conversation is stored in the room directly, which is no post by a client; what comes from the
room is stored in the conversation with its `room_message_id`, and is not posted to the room again. Both sides are stored in one
transaction.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

from service.clock import Clock
from service.domain.conversation.changes import MessageAdded
from service.domain.conversation.messages import Draft
from service.domain.entities import Message, MessageType, NewMessage
from service.domain.errors import Conflict
from service.domain.identifiers import UUID_FORM
from service.domain.inboxes.announcements import Announcer
from service.domain.inboxes.entities import Conversation, Inbox, MessageKind, SenderKind, SentMessage
from service.domain.inboxes.errors import Refused
from service.domain.inboxes.messages import NewInboxMessage, post
from service.domain.inboxes.ports import InboxTransaction
from service.domain.inboxes.wire import Wire

MAX_ROOM_TEXT = 8_000
"""Characters of a message that are repeated in the room. The whole message is in the conversation."""

MARK = "inbox_message"
"""The member of a room message's body that names inbox, conversation and contact."""

REPLY = "reply_to"
"""The member of a room message's body that names the message it replies to."""


class RoomBridge:
    """Carries messages between conversations and the rooms of channels."""

    def __init__(self, announcer: Announcer, origin: str, clock: Clock) -> None:
        self._announcer = announcer
        self._wire = Wire(origin)
        self._clock = clock

    async def to_room(
        self, tx: InboxTransaction, inbox: Inbox, conversation: Conversation, sent: SentMessage
    ) -> UUID | None:
        """Post a message of a conversation to the room of its inbox. Return the id it has there; None if it is not posted.

        Private messages, activities, and inboxes without a channel have no part in it.
        """
        message = sent.message
        talk = message.kind in (MessageKind.INCOMING, MessageKind.OUTGOING)
        account = await tx.inboxes.account(inbox.account_id)
        if inbox.channel_id is None or inbox.room_user_id is None or message.private or not talk or account is None:
            return None
        author = await _author(tx, inbox, sent)
        body = await self._body(tx, inbox, conversation, sent)
        draft = Draft(body)
        new = NewMessage(
            id=uuid4(),
            channel_id=inbox.channel_id,
            organization_id=account.organization_id,
            author_id=author,
            type=MessageType.USER,
            body=body,
            digest=draft.digest(),
            notify_users=(),
            notify_channel=False,
        )
        channel = await tx.channels.channel(account.organization_id, inbox.channel_id)
        posted = None if channel is None else await tx.messages.post(new, self._clock)
        if channel is None or posted is None:
            return None  # the channel has been deleted
        tx.record(MessageAdded(replace(channel, is_private=posted.is_private), posted.message, posted.notified))
        return new.id

    async def _body(
        self, tx: InboxTransaction, inbox: Inbox, conversation: Conversation, sent: SentMessage
    ) -> dict[str, Any]:
        message = sent.message
        contact = await tx.inboxes.contact(inbox.account_id, conversation.contact_id)
        name = (contact.name if contact is not None else None) or "Contact"
        incoming = message.kind is MessageKind.INCOMING
        chunks = [{"type": "text", "text": f"{name}: " if incoming else f"To {name}: "}]
        if message.content:
            chunks.append({"type": "text", "text": _shortened(message.content)})
        chunks += [
            {"type": "link", "text": file.name, "url": self._wire.file_url(file.token)} for file in sent.attachments
        ]
        mark = {
            "inbox_id": inbox.id,
            "conversation_id": conversation.number,
            "message_id": message.id,
            "message_type": message.kind.name.lower(),
            "contact": {"id": conversation.contact_id, "name": name},
        }
        return {"version": 3, "chunks": chunks, MARK: mark}

    async def reply(
        self, tx: InboxTransaction, channel_id: UUID, body: Mapping[str, Any]
    ) -> Callable[[Message], Awaitable[None]] | None:
        """Return what sends a room message to the conversation that it replies to; None if it replies to none.

        Call it before the message is stored: conversations are locked before channels.
        """
        replied = body.get(REPLY)
        if not isinstance(replied, str) or UUID_FORM.fullmatch(replied) is None:
            return None
        origin = await tx.inboxes.message_of_room(channel_id, UUID(replied))
        conversation = None
        if origin is not None:
            conversation = await tx.inboxes.conversation_by_id(origin.conversation_id, lock=True)
        if conversation is None:
            return None

        async def send(message: Message) -> None:
            agent = await tx.inboxes.add_agent(conversation.account_id, message.author.id)
            new = NewInboxMessage(_text(message.body), MessageKind.OUTGOING, room_message_id=message.id)
            try:
                await post(tx, self._announcer, conversation, new, (SenderKind.AGENT, agent.id), self._clock.now())
            except Refused as refused:
                raise Conflict(f"The reply cannot be sent to the contact: {refused}.") from refused

        return send


async def _author(tx: InboxTransaction, inbox: Inbox, sent: SentMessage) -> UUID:
    """Return the user who speaks in the room: the agent, or the inbox's bot for contacts and for the organization itself."""
    assert inbox.room_user_id is not None  # noqa: S101 (the inbox is bound)
    message = sent.message
    if message.sender_kind is SenderKind.AGENT and message.sender_id is not None:
        agent = await tx.inboxes.agent(message.sender_id)
        if agent is not None and agent.user_id is not None:
            return agent.user_id
    return inbox.room_user_id


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_ROOM_TEXT else text[: MAX_ROOM_TEXT - 1] + "…"


def _text(body: Mapping[str, Any]) -> str:
    """Return the text of a room message, with the addresses of its links and files."""
    parts = []
    for chunk in body.get("chunks", []):
        for name in ("text", "url"):
            value = chunk.get(name)
            if isinstance(value, str) and value:
                parts.append(value)
                break
    return "".join(parts)
