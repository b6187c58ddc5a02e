"""Ports of the API channel: its store, its files and its requests to webhooks."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Protocol
from uuid import UUID

from service.domain.access.ports import DirectoryStore
from service.domain.conversation.ports import ConversationTransaction
from service.domain.events.ports import Transactions
from service.domain.inboxes.entities import (
    Account,
    Agent,
    Attachment,
    Contact,
    ContactSession,
    Conversation,
    Delivery,
    Inbox,
    InboxMessage,
)


class PeopleRecords(Protocol):
    """Accounts, agents and contacts. Records are None where there is none; mappings hold columns by the entity's names."""

    async def account(self, account_id: int) -> Account | None: ...

    async def account_of(self, organization_id: UUID) -> Account | None: ...

    async def add_account(self, organization_id: UUID, at: datetime) -> Account:
        """Return the account of an organization that exists, created unless there is one."""

    async def lock_account(self, account_id: int) -> None:
        """Serialize changes of the account's contacts, so that unique values stay unique."""

    async def agent(self, agent_id: int) -> Agent | None: ...

    async def agent_of(self, account_id: int, user_id: UUID | None) -> Agent | None: ...

    async def add_agent(self, account_id: int, user_id: UUID | None) -> Agent:
        """Return the agent of a user that exists (None: of the organization itself), created unless there is one."""

    async def contact(self, account_id: int, contact_id: int) -> Contact | None: ...

    async def contact_with(self, account_id: int, attribute: str, value: str) -> Contact | None:
        """Return the contact with this email, phone_number or identifier."""

    async def add_contact(self, values: Mapping[str, Any]) -> Contact: ...

    async def change_contact(self, contact_id: int, values: Mapping[str, Any]) -> Contact: ...

    async def contacts(self, account_id: int, search: str, limit: int, offset: int) -> tuple[list[Contact], int]:
        """Return contacts whose name, email, phone number or identifier contains `search`, and the number of all of them."""


class SourceRecords(Protocol):
    """Inboxes and the sessions of contacts in them."""

    async def inbox(self, account_id: int, inbox_id: int) -> Inbox | None: ...

    async def inbox_by_identifier(self, identifier: str) -> Inbox | None: ...

    async def inboxes(self, account_id: int, inbox_ids: Collection[int] | None = None) -> list[Inbox]: ...

    async def add_inbox(self, values: Mapping[str, Any]) -> Inbox: ...

    async def change_inbox(self, inbox_id: int, values: Mapping[str, Any]) -> Inbox: ...

    async def session(self, session_id: int) -> ContactSession | None: ...

    async def session_in(self, inbox_id: int, source_id: str) -> ContactSession | None: ...

    async def sessions(
        self, account_id: int, *, source_id: str | None = None, contact_ids: Collection[int] | None = None
    ) -> list[ContactSession]:
        """Return the account's sessions with these values, oldest first."""

    async def add_session(self, values: Mapping[str, Any]) -> ContactSession: ...

    async def verify_session(self, session_id: int, at: datetime) -> None:
        """Mark the identity of the session's contact as proven."""


class ConversationRecords(Protocol):
    """Conversations, their messages and files."""

    async def add_conversation(self, values: Mapping[str, Any]) -> Conversation:
        """Store a conversation under the account's next number."""

    async def conversation(self, account_id: int, number: int, *, lock: bool = False) -> Conversation | None:
        """Return a conversation. `lock`: other changes of it wait until the end of the transaction."""

    async def conversation_by_id(self, conversation_id: int, *, lock: bool = False) -> Conversation | None: ...

    async def conversations(
        self,
        account_id: int,
        *,
        session_id: int | None = None,
        contact_id: int | None = None,
        inbox_id: int | None = None,
        statuses: Collection[str] | None = None,
        limit: int,
        offset: int = 0,
    ) -> list[Conversation]:
        """Return conversations, the one with the latest activity first."""

    async def count_conversations(
        self, account_id: int, agent_id: int, *, inbox_id: int | None = None, statuses: Collection[str] | None = None
    ) -> tuple[int, int, int]:
        """Return how many there are: all, assigned ones, and those assigned to the agent."""

    async def change_conversation(self, conversation_id: int, values: Mapping[str, Any]) -> Conversation: ...

    async def add_message(self, values: Mapping[str, Any]) -> InboxMessage: ...

    async def message(self, conversation_id: int, message_id: int) -> InboxMessage | None: ...

    async def message_by_id(self, message_id: int) -> InboxMessage | None: ...

    async def message_of_room(self, channel_id: UUID, room_message_id: UUID) -> InboxMessage | None:
        """Return the message that has this id in the room of the channel."""

    async def change_message(self, message_id: int, values: Mapping[str, Any]) -> InboxMessage: ...

    async def messages(
        self, conversation_id: int, *, before: int | None, after: int | None, limit: int, public: bool
    ) -> list[InboxMessage]:
        """Return up to `limit` messages, ascending: those next to `after` if it is given, else the latest.

        `public`: without private messages and activities.
        """

    async def last_message(self, conversation_id: int) -> InboxMessage | None:
        """Return the last message that is neither private nor an activity."""

    async def count_messages(
        self, conversation_id: int, since: datetime | None, kind: int | None = None, *, limit: int
    ) -> int:
        """Count those of the last `limit` messages that are after `since` and of this kind (None: any)."""

    async def add_attachments(self, values: Sequence[Mapping[str, Any]]) -> list[Attachment]: ...

    async def remove_attachments(self, message_id: int) -> list[str]:
        """Delete the rows of a message's files. Return their tokens."""

    async def attachments(self, message_ids: Collection[int]) -> list[Attachment]: ...

    async def attachment(self, token: str) -> Attachment | None: ...


class DeliveryRecords(Protocol):
    """Events that wait for webhooks."""

    async def add_delivery(self, values: Mapping[str, Any]) -> None: ...

    async def claim_deliveries(
        self, now: datetime, until: datetime, limit: int, per_inbox: int, busy: Collection[int]
    ) -> list[tuple[Delivery, Inbox]]:
        """Take deliveries that are due, or whose claim has expired, until `until`, and count the attempt.

        A delivery waits until the earlier ones of its conversation are done. Each is claimed by one process only; none of the
        inboxes `busy`, and at most `per_inbox` of any other.
        """

    async def postpone_delivery(self, delivery_id: int, due_at: datetime) -> None: ...

    async def remove_delivery(self, delivery_id: int) -> None: ...


class InboxRecords(PeopleRecords, SourceRecords, ConversationRecords, DeliveryRecords, Protocol):
    """All records of the API channel, in one transaction."""


class InboxTransaction(ConversationTransaction, Protocol):
    """A transaction with the records of the API channel, the users of organizations, and the stores of the rooms."""

    @property
    def inboxes(self) -> InboxRecords: ...

    @property
    def directory(self) -> DirectoryStore: ...


class InboxStore(Transactions[InboxTransaction], Protocol):
    """Opens transactions. Each may raise `errors.Unavailable`."""

    def reading_inboxes(self) -> AbstractAsyncContextManager[InboxRecords]:
        """Return a transaction that only reads."""


class AttachmentFiles(Protocol):
    """The contents of attachments, by token. Methods may raise Unavailable (the disk is full or not writable)."""

    async def keep(self, token: str, content: BinaryIO) -> None: ...

    async def remove(self, token: str) -> None: ...

    def path(self, token: str) -> Path:
        """Return the file of a token."""
