"""Ports of the API channel: its store, its files and its requests to webhooks."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import BinaryIO, Protocol

from service.domain.access.ports import DirectoryStore
from service.domain.conversation.ports import ConversationTransaction
from service.domain.events.ports import Transactions
from service.domain.inboxes.conversation_records import ConversationRecords
from service.domain.inboxes.records import DeliveryRecords, PeopleRecords, SourceRecords


class InboxRecords(PeopleRecords, SourceRecords, ConversationRecords, DeliveryRecords, Protocol):
    """All records of the API channel, in one transaction."""


class InboxTransaction(ConversationTransaction, Protocol):
    """A transaction with the records of the API channel, the users of organizations, and the stores of the rooms."""

    @property
    def inboxes(self) -> InboxRecords:
        """The records of the API channel, read and written in this transaction."""

    @property
    def directory(self) -> DirectoryStore: ...


class InboxStore(Transactions[InboxTransaction], Protocol):
    """Opens transactions. Each may raise `errors.Unavailable`."""

    def reading_inboxes(self) -> AbstractAsyncContextManager[InboxRecords]:
        """Return a transaction that only reads.

        Returns:
            A context manager for `async with`, which gives the records.
        """


class AttachmentFiles(Protocol):
    """The contents of attachments, by token. Methods may raise Unavailable (the disk is full or not writable)."""

    async def keep(self, token: str, content: BinaryIO) -> None:
        """Store the content of a file.

        Args:
            token: The name of the file, chosen by the service: 2 or more characters that are safe in a path.
            content: Read from its beginning. The client closes it.

        Raises:
            Unavailable: The disk is full or not writable.
        """

    async def remove(self, token: str) -> None:
        """Delete the content of a file. A missing one is no error.

        Args:
            token: The name of the file.
        """

    def path(self, token: str) -> Path:
        """Return where the content of a file is.

        Args:
            token: The name of the file.

        Returns:
            The path, whether there is a file or not.
        """
