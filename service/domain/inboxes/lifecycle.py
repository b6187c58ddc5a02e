"""How conversations begin, and how their status changes."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import uuid4

from service.domain.inboxes.announcements import Announcer, Changes
from service.domain.inboxes.entities import Contact, ContactSession, Conversation, ConversationStatus, Inbox
from service.domain.inboxes.objects import seconds_or_none
from service.domain.inboxes.ports import InboxRecords
from service.domain.inboxes.rules import require_small
from service.domain.inboxes.views import view_of


async def begin_conversation(
    records: InboxRecords,
    announcer: Announcer,
    inbox: Inbox,
    contact: Contact,
    session: ContactSession,
    now: datetime,
    *,
    status: ConversationStatus | None = None,
    **values: Any,
) -> Conversation:
    """Store a conversation and its event, unless the inbox has one per session. The account must be locked. Raise RecordInvalid."""
    if inbox.lock_to_single_conversation:
        last = await records.conversations(inbox.account_id, session_id=session.id, limit=1)
        if last:
            return last[0]
    require_small(values, "additional_attributes", "custom_attributes")
    row = {
        "account_id": inbox.account_id,
        "uuid": uuid4(),
        "inbox_id": inbox.id,
        "contact_id": contact.id,
        "session_id": session.id,
        "status": (ConversationStatus.RESOLVED if contact.blocked else status or ConversationStatus.OPEN).value,
        "assignee_id": None,
        "snoozed_until": None,
        "additional_attributes": {},
        "custom_attributes": {},
        "agent_last_seen_at": None,
        "assignee_last_seen_at": None,
        "contact_last_seen_at": None,
        "first_reply_created_at": None,
        "waiting_since": now,
        "last_activity_at": now,
        "created_at": now,
        "updated_at": now,
        **values,
    }
    conversation = await records.add_conversation(row)
    await announcer.conversation_created(records, await view_of(records, conversation))
    return conversation


async def change_status(
    records: InboxRecords,
    announcer: Announcer,
    conversation: Conversation,
    status: ConversationStatus,
    now: datetime,
    snoozed_until: datetime | None = None,
) -> Conversation:
    """Set the status of a locked conversation, and store the events."""
    until = snoozed_until if status is ConversationStatus.SNOOZED else None
    if status is conversation.status and until == conversation.snoozed_until:
        return conversation
    values = {"status": status.value, "snoozed_until": until, "updated_at": now}
    changed = await records.change_conversation(conversation.id, values)
    changes: Changes = [
        (name, before, after)
        for name, before, after in (
            ("status", conversation.status.value, status.value),
            ("snoozed_until", seconds_or_none(conversation.snoozed_until), seconds_or_none(until)),
        )
        if before != after
    ]
    await announcer.conversation_changed(records, await view_of(records, changed), changes)
    return changed
