"""Gather what the objects of the contract show."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from service.domain.errors import NotFound
from service.domain.inboxes.entities import (
    Agent,
    Attachment,
    Contact,
    ContactSession,
    Conversation,
    ConversationView,
    Inbox,
    InboxMessage,
    MessageKind,
    SenderKind,
    SentMessage,
)
from service.domain.inboxes.ports import InboxRecords

MAX_UNREAD = 1_000
"""The largest unread count. Counting stops there."""


async def view_of(records: InboxRecords, conversation: Conversation) -> ConversationView:
    """Return a conversation with what it refers to."""
    account = await records.account(conversation.account_id)
    inbox = await records.inbox(conversation.account_id, conversation.inbox_id)
    contact = await records.contact(conversation.account_id, conversation.contact_id)
    session = await records.session(conversation.session_id)
    if account is None or inbox is None or contact is None or session is None:
        raise NotFound
    assignee = None if conversation.assignee_id is None else await records.agent(conversation.assignee_id)
    last = await records.last_message(conversation.id)
    sent = None if last is None else (await with_senders(records, conversation, [last]))[0]
    unread = await records.count_messages(
        conversation.id, conversation.agent_last_seen_at, int(MessageKind.INCOMING), limit=MAX_UNREAD
    )
    return ConversationView(conversation, account, inbox, contact, session, assignee, sent, unread)


async def with_senders(
    records: InboxRecords, conversation: Conversation, messages: Sequence[InboxMessage]
) -> list[SentMessage]:
    """Return the messages of one conversation with their senders and files."""
    files: defaultdict[int | None, list[Attachment]] = defaultdict(list)
    for each in await records.attachments([message.id for message in messages]):
        files[each.message_id].append(each)
    known: dict[tuple[SenderKind | None, int | None], Contact | Agent | None] = {(None, None): None}
    sent = []
    for message in messages:
        who = (message.sender_kind, message.sender_id)
        if who not in known:
            known[who] = await _sender(records, conversation.account_id, *who)
        sent.append(SentMessage(message, conversation.number, known[who], tuple(files[message.id])))
    return sent


async def _sender(
    records: InboxRecords, account_id: int, kind: SenderKind | None, sender_id: int | None
) -> Contact | Agent | None:
    if sender_id is None:
        return None
    if kind is SenderKind.CONTACT:
        return await records.contact(account_id, sender_id)
    return await records.agent(sender_id)


async def sessions_of(records: InboxRecords, contact: Contact) -> list[tuple[ContactSession, Inbox]]:
    """Return the contact's sessions with their inboxes, oldest first."""
    sessions = await records.sessions(contact.account_id, contact_ids=[contact.id])
    inboxes = await records.inboxes(contact.account_id, {each.inbox_id for each in sessions})
    by_id = {inbox.id: inbox for inbox in inboxes}
    return [(each, by_id[each.inbox_id]) for each in sessions]
