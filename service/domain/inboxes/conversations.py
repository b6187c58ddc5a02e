"""Conversations: create in three ways, read, change the status, show that an agent types."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from service.clock import Clock
from service.domain.errors import NotFound
from service.domain.inboxes.access import Desk
from service.domain.inboxes.announcements import Announcer
from service.domain.inboxes.contacts import open_session
from service.domain.inboxes.entities import (
    Contact,
    ContactSession,
    Conversation,
    ConversationStatus,
    ConversationView,
    Inbox,
    SenderKind,
)
from service.domain.inboxes.errors import Refused
from service.domain.inboxes.inboxes import found_inbox
from service.domain.inboxes.lifecycle import begin_conversation, change_status
from service.domain.inboxes.messages import NewInboxMessage, Room, post
from service.domain.inboxes.ports import InboxRecords, InboxStore
from service.domain.inboxes.rules import require_small
from service.domain.inboxes.views import view_of

CONVERSATIONS_PER_PAGE = 25


@dataclass(frozen=True, slots=True)
class NewConversation:
    """A conversation to create, for the session of `source_id`, or of the contact in the inbox."""

    source_id: str | None = None
    inbox_id: int | None = None
    contact_id: int | None = None
    status: ConversationStatus | None = None
    snoozed_until: datetime | None = None
    assignee_id: int | None = None
    additional_attributes: Mapping[str, Any] = field(default_factory=dict)
    custom_attributes: Mapping[str, Any] = field(default_factory=dict)
    hmac_verified: bool = False
    message: NewInboxMessage | None = None


class Conversations:
    """Every method may raise NotFound and Unavailable. `number`: the conversation's id in its account."""

    def __init__(self, store: InboxStore, announcer: Announcer, room: Room, clock: Clock) -> None:
        self._store = store
        self._room = room
        self._announcer = announcer
        self._clock = clock

    async def create(self, desk: Desk, new: NewConversation) -> ConversationView:
        """Create a conversation. With `lock_to_single_conversation`, return the last one of the session instead.

        Raises:
            Refused: The source id is another contact's, or the message is refused.
        """
        async with self._store.transaction() as tx:
            records, now = tx.inboxes, self._clock.now()
            inbox, contact, session = await self._session(records, desk, new, now)
            if new.hmac_verified and not session.hmac_verified:
                await records.verify_session(session.id, now)
            if new.assignee_id is not None:
                assignee = await records.agent(new.assignee_id)
                if assignee is None or assignee.account_id != desk.account_id:
                    raise Refused("Validation failed: Assignee must exist")
            conversation = await begin_conversation(
                records, self._announcer, inbox, contact, session, now,
                status=new.status, snoozed_until=new.snoozed_until, assignee_id=new.assignee_id,
                additional_attributes=dict(new.additional_attributes), custom_attributes=dict(new.custom_attributes),
            )  # fmt: skip
            if new.message is not None:
                sender = SenderKind.AGENT, desk.agent.id
                await post(tx, self._announcer, conversation, new.message, sender, now, self._room)
                conversation = await _required(records.conversation_by_id(conversation.id))
            return await view_of(records, conversation)

    async def _session(
        self, records: InboxRecords, desk: Desk, new: NewConversation, now: datetime
    ) -> tuple[Inbox, Contact, ContactSession]:
        await records.lock_account(desk.account_id)
        if new.inbox_id is not None and new.contact_id is not None:
            inbox = await found_inbox(records.inbox(desk.account_id, new.inbox_id))
            contact = await _required(records.contact(desk.account_id, new.contact_id))
            return inbox, contact, await open_session(records, inbox, contact, new.source_id, now)
        if not new.source_id:
            raise NotFound
        sessions = await records.sessions(desk.account_id, source_id=new.source_id)
        chosen = [each for each in sessions if new.inbox_id in (None, each.inbox_id)]
        if not chosen:
            raise NotFound
        inbox = await found_inbox(records.inbox(desk.account_id, chosen[0].inbox_id))
        return inbox, await _required(records.contact(desk.account_id, chosen[0].contact_id)), chosen[0]

    async def get(self, desk: Desk, number: int) -> ConversationView:
        async with self._store.reading_inboxes() as records:
            return await view_of(records, await _required(records.conversation(desk.account_id, number)))

    async def list(
        self,
        desk: Desk,
        *,
        contact_id: int | None = None,
        inbox_id: int | None = None,
        statuses: Collection[str] | None = None,
        page: int = 1,
    ) -> list[ConversationView]:
        """Return a page (from 1), the conversation with the latest activity first."""
        async with self._store.reading_inboxes() as records:
            if contact_id is not None:
                await _required(records.contact(desk.account_id, contact_id))
            found = await records.conversations(
                desk.account_id, contact_id=contact_id, inbox_id=inbox_id, statuses=statuses,
                limit=CONVERSATIONS_PER_PAGE, offset=(page - 1) * CONVERSATIONS_PER_PAGE,
            )  # fmt: skip
            return [await view_of(records, each) for each in found]

    async def count(
        self, desk: Desk, *, inbox_id: int | None = None, statuses: Collection[str] | None = None
    ) -> tuple[int, int, int]:
        """Return how many there are: all, assigned ones, and those assigned to the agent."""
        async with self._store.reading_inboxes() as records:
            return await records.count_conversations(
                desk.account_id, desk.agent.id, inbox_id=inbox_id, statuses=statuses
            )

    async def set_status(
        self, desk: Desk, number: int, status: ConversationStatus | None, snoozed_until: datetime | None = None
    ) -> Conversation:
        """Set the status; None switches between open and resolved."""
        async with self._store.transaction() as tx:
            conversation = await _required(tx.inboxes.conversation(desk.account_id, number, lock=True))
            if status is None:
                is_open = conversation.status is ConversationStatus.OPEN
                status = ConversationStatus.RESOLVED if is_open else ConversationStatus.OPEN
            return await change_status(
                tx.inboxes, self._announcer, conversation, status, self._clock.now(), snoozed_until
            )

    async def set_attributes(self, desk: Desk, number: int, custom_attributes: Mapping[str, Any]) -> Conversation:
        """Replace the custom attributes. Raise RecordInvalid if they are too large."""
        require_small({"custom_attributes": custom_attributes}, "custom_attributes")
        async with self._store.transaction() as tx:
            before = await _required(tx.inboxes.conversation(desk.account_id, number, lock=True))
            values = {"custom_attributes": dict(custom_attributes), "updated_at": self._clock.now()}
            after: Conversation = await tx.inboxes.change_conversation(before.id, values)
            if dict(before.custom_attributes) != dict(custom_attributes):
                changes = [("custom_attributes", dict(before.custom_attributes), dict(custom_attributes))]
                await self._announcer.conversation_changed(tx.inboxes, await view_of(tx.inboxes, after), changes)
            return after

    async def typing(self, desk: Desk, number: int, *, on: bool, private: bool) -> None:
        """Tell the webhook that the agent begins or stops typing."""
        async with self._store.transaction() as tx:
            view = await view_of(tx.inboxes, await _required(tx.inboxes.conversation(desk.account_id, number)))
            await self._announcer.typing(tx.inboxes, view, desk.agent, on=on, private=private)

    async def seen(self, desk: Desk, number: int) -> ConversationView:
        """Mark the conversation as read by the account's agents."""
        async with self._store.transaction() as tx:
            conversation = await _required(tx.inboxes.conversation(desk.account_id, number, lock=True))
            now = self._clock.now()
            values = {"agent_last_seen_at": now}
            if conversation.assignee_id == desk.agent.id:
                values["assignee_last_seen_at"] = now
            return await view_of(tx.inboxes, await tx.inboxes.change_conversation(conversation.id, values))


async def _required(wanted: Any) -> Any:
    """Await a record. Raise NotFound if there is none."""
    found = await wanted
    if found is None:
        raise NotFound
    return found
