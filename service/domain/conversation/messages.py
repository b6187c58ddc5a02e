"""Messages: post, read, edit and delete."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from service.clock import Clock
from service.domain.access.accounts import Identity
from service.domain.access.rules import enter, only_admin, person
from service.domain.conversation.changes import MessageAdded, MessageChanged
from service.domain.conversation.meetings import CallKind
from service.domain.conversation.members import DEFAULT_ORDERING, ORDERINGS
from service.domain.conversation.ports import ConversationTransaction, MessageStore
from service.domain.entities import Channel, ChannelType, Entry, Message, MessageType, NewMessage
from service.domain.errors import Forbidden, Invalid, NotFound
from service.domain.events.ports import Transactions
from service.domain.paging import Page, PageAnchor, PageRequest, cut, known_ordering

MAX_CONTENT = 32 * 1024
"""The largest body of a message, in bytes of JSON as UTF-8 without white space."""

MAX_NOTIFIED = 500
"""The most users one message may name."""

CALLS = {MessageType.CALL_REQUEST: CallKind.REQUEST, MessageType.CALL_LEAVE: CallKind.LEAVE}

CallListener = Callable[[ConversationTransaction, Channel, UUID, CallKind, datetime], Awaitable[None]]
"""`Meetings.note_call`, in the transaction that stores the message."""


ReplyListener = Callable[
    [ConversationTransaction, UUID, Mapping[str, Any]], Awaitable[Callable[[Message], Awaitable[None]] | None]
]
"""Called with the channel and the body of a message before it is stored. It returns what to call with the new message."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A message from a client. A client that sets `id` can repeat the request if it got no response."""

    body: Mapping[str, Any]
    type: MessageType = MessageType.USER
    id: UUID | None = None
    notify_users: tuple[UUID, ...] = ()
    notify_channel: bool = False

    def digest(self) -> str:
        """Return a digest of the content, independent of the order of keys."""
        content = json.dumps([self.type.value, self.body], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(content.encode()).hexdigest()


class Messages:
    """Every method may raise NotFound (the client may not see the channel, or there is no such message) and Unavailable."""

    def __init__(
        self,
        store: MessageStore,
        transactions: Transactions[ConversationTransaction],
        clock: Clock,
        calls: CallListener | None = None,
        replies: ReplyListener | None = None,
    ) -> None:
        """Create it. `calls` is called for each new message of type call_request or call_leave, `replies` for all of users."""
        self._store = store
        self._transactions = transactions
        self._clock = clock
        self._calls = calls
        self._replies = replies

    async def post(self, client: Identity, channel_id: UUID, draft: Draft) -> tuple[Message, bool]:
        """Post a message. Return it and whether it is new. In a public channel, the author need not be a member.

        Raises:
            Invalid: The body is too large.
            Conflict: The id belongs to another message.
            Conflict: It is a reply that cannot be sent to the contact.
            Forbidden: The channel is for announcements, and the client is not an admin.
        """
        author = person(client)
        entry = await enter(self._store, client, channel_id)
        if entry.channel.type is ChannelType.ANNOUNCEMENTS:
            only_admin(entry)
        _bounded(draft.body)
        new = NewMessage(
            id=draft.id or uuid4(),
            channel_id=channel_id,
            organization_id=client.organization.id,
            author_id=author.id,
            type=draft.type,
            body=draft.body,
            digest=draft.digest(),
            notify_users=draft.notify_users,
            notify_channel=draft.notify_channel,
        )
        async with self._transactions.transaction() as tx:
            send = None
            if self._replies is not None and draft.type is MessageType.USER:
                send = await self._replies(tx, channel_id, draft.body)
            posted = await tx.messages.post(new, self._clock)
            if posted is None:
                raise NotFound
            message = posted.message
            if posted.is_new:
                # Its audience as of the transaction: the channel may have become private since it was read.
                channel = replace(entry.channel, is_private=posted.is_private)
                tx.record(MessageAdded(channel, message, posted.notified))
                if self._calls is not None and draft.type in CALLS:
                    await self._calls(tx, channel, author.id, CALLS[draft.type], message.created_at)
                if send is not None:
                    await send(message)
        return message, posted.is_new

    async def list(self, client: Identity, channel_id: UUID, ordering: str, request: PageRequest) -> Page[Message]:
        await enter(self._store, client, channel_id)
        found = await self._store.messages(channel_id, known_ordering(ordering, ORDERINGS, DEFAULT_ORDERING), request)
        return cut(found, request, lambda each: PageAnchor(each.created_at, str(each.id)))

    async def get(self, client: Identity, channel_id: UUID, message_id: UUID) -> Message:
        return (await self._found(client, channel_id, message_id))[1]

    async def edit(self, client: Identity, channel_id: UUID, message_id: UUID, body: Mapping[str, Any]) -> Message:
        """Replace the body. Raise Forbidden for any user but the author, Invalid if it is too large, NotFound if it is deleted."""
        _, message = await self._found(client, channel_id, message_id)
        if message.author.id != person(client).id:
            raise Forbidden
        _bounded(body)
        async with self._transactions.transaction() as tx:
            edited = await tx.messages.edit(channel_id, message_id, body, self._clock.now())
            if edited is None:
                raise NotFound
            await _record(tx, edited, ("body", "is_edited", "updated_at"))
        return edited

    async def delete(self, client: Identity, channel_id: UUID, message_id: UUID) -> None:
        """Delete a message. Raise Forbidden for any user but the author and the channel's admins."""
        entry, message = await self._found(client, channel_id, message_id)
        if client.user is None or message.author.id != client.user.id:
            only_admin(entry)
        async with self._transactions.transaction() as tx:
            if not await tx.messages.delete(channel_id, message_id, self._clock.now()):
                raise NotFound
            emptied = await tx.messages.message(channel_id, message_id)
            if emptied is not None and message.type is not MessageType.DELETED:
                # A deleted message can still be read, with that type and an empty body: it is changed, not removed.
                await _record(tx, emptied, ("type", "body", "updated_at"))

    async def _found(self, client: Identity, channel_id: UUID, message_id: UUID) -> tuple[Entry, Message]:
        entry = await enter(self._store, client, channel_id)
        message = await self._store.message(channel_id, message_id)
        if message is None:
            raise NotFound
        return entry, message


async def _record(tx: ConversationTransaction, message: Message, fields: tuple[str, ...]) -> None:
    channel = await tx.channels.channel(message.organization_id, message.channel_id)
    if channel is not None:
        tx.record(MessageChanged(channel, message, fields))


def _bounded(body: Mapping[str, Any]) -> None:
    size = len(json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode())
    if size > MAX_CONTENT:
        raise Invalid({"body": [f"Ensure this field has no more than {MAX_CONTENT} bytes (it has {size})."]})
