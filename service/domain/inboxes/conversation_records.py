"""Records of conversations, of their messages and of the files of these, in one transaction (see `PeopleRecords`)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from service.domain.inboxes.entities import (
    Attachment,
    Conversation,
    InboxMessage,
)


class ConversationRecords(Protocol):
    """Conversations, their messages and files."""

    async def add_conversation(self, values: Mapping[str, Any]) -> Conversation:
        """Store a conversation under the account's next number.

        The account's row is locked until the end of the transaction, so that numbers have no gaps and none is used twice.

        Args:
            values: All columns but the id and the number.

        Returns:
            The conversation, with both.
        """

    async def conversation(self, account_id: int, number: int, *, lock: bool = False) -> Conversation | None:
        """Return a conversation of the account, or None.

        Args:
            account_id: The account.
            number: The conversation's number in the account, which clients use as its id.
            lock: Let other transactions that lock it wait until the end of this one.
        """

    async def conversation_by_id(self, conversation_id: int, *, lock: bool = False) -> Conversation | None:
        """Return a conversation of any account by its id in the store, or None. `lock`: as in `conversation`."""

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
        """Return conversations of the account, the one with the latest activity first.

        Args:
            account_id: The account.
            session_id: Only of this session.
            contact_id: Only of this contact.
            inbox_id: Only in this inbox.
            statuses: Only with one of these statuses.
            limit: The most conversations to return.
            offset: The number of conversations before the page.
        """

    async def count_conversations(
        self, account_id: int, agent_id: int, *, inbox_id: int | None = None, statuses: Collection[str] | None = None
    ) -> tuple[int, int, int]:
        """Count conversations of the account. `inbox_id` and `statuses`: as in `conversations`.

        Args:
            account_id: The account.
            agent_id: The agent whose conversations are counted.
            inbox_id: Only in this inbox.
            statuses: Only with one of these statuses.

        Returns:
            The number of all, of those that are assigned, and of those that are assigned to the agent.
        """

    async def change_conversation(self, conversation_id: int, values: Mapping[str, Any]) -> Conversation:
        """Change a conversation that exists.

        Args:
            conversation_id: The conversation's id in the store.
            values: The columns to change; empty for none.

        Returns:
            The conversation after the change.
        """

    async def add_message(self, values: Mapping[str, Any]) -> InboxMessage:
        """Store a message. The conversation must be locked: then ids ascend in the order of the commits.

        Args:
            values: All columns but the id.

        Returns:
            The message, with its id.
        """

    async def message(self, conversation_id: int, message_id: int) -> InboxMessage | None:
        """Return a message of the conversation, or None if it has none with that id."""

    async def message_by_id(self, message_id: int) -> InboxMessage | None:
        """Return a message of any conversation, or None if there is none with that id."""

    async def message_of_room(self, channel_id: UUID, room_message_id: UUID) -> InboxMessage | None:
        """Return the message that stands for one of a room.

        Args:
            channel_id: The channel of the room.
            room_message_id: The id of the message in the room.

        Returns:
            None if there is no such message.
        """

    async def change_message(self, message_id: int, values: Mapping[str, Any]) -> InboxMessage:
        """Change a message that exists.

        Args:
            message_id: The message.
            values: The columns to change; empty for none.

        Returns:
            The message after the change.
        """

    async def messages(
        self, conversation_id: int, *, before: int | None, after: int | None, limit: int, public: bool
    ) -> list[InboxMessage]:
        """Return messages of a conversation in ascending order.

        Args:
            conversation_id: The conversation.
            before: Only messages with a smaller id; the ones next to it are returned.
            after: Only messages with a larger id; the ones next to it are returned, not the latest.
            limit: The most messages to return.
            public: Without private messages and activities.
        """

    async def last_message(self, conversation_id: int) -> InboxMessage | None:
        """Return the last message that is neither private nor an activity, or None if there is none."""

    async def count_messages(
        self, conversation_id: int, since: datetime | None, kind: int | None = None, *, limit: int
    ) -> int:
        """Count the latest messages of a conversation.

        Args:
            conversation_id: The conversation.
            since: Count only messages after this time; None: any.
            kind: Count only messages of this kind; None: any.
            limit: The number of latest messages that are looked through, which bounds the time of the query.

        Returns:
            A number from 0 to `limit`.
        """

    async def add_attachments(self, values: Sequence[Mapping[str, Any]]) -> list[Attachment]:
        """Store the rows of files.

        Args:
            values: For each file, all columns but the id.

        Returns:
            The files with their ids, in the same order.
        """

    async def remove_attachments(self, message_id: int) -> list[str]:
        """Delete the rows of a message's files.

        Returns:
            The tokens of the files, whose content remains to be removed (`AttachmentFiles.remove`).
        """

    async def attachments(self, message_ids: Collection[int]) -> list[Attachment]:
        """Return the files of messages.

        Args:
            message_ids: The ids of the messages; empty for none.

        Returns:
            The files of all these messages, in the order of the files' ids.
        """

    async def attachment(self, token: str) -> Attachment | None:
        """Return the file with this token, or None."""
