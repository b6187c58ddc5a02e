"""Records of people, inboxes and deliveries in one transaction. Those of conversations: `conversation_records.py`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from service.domain.inboxes.entities import (
    Account,
    Agent,
    Contact,
    ContactSession,
    Delivery,
    Inbox,
)


class PeopleRecords(Protocol):
    """Accounts, agents and contacts.

    Mappings hold columns by the names of the entity's attributes; times are in UTC. Every method may raise `errors.Unavailable`.
    """

    async def account(self, account_id: int) -> Account | None:
        """Return an account, or None if there is none with that id.

        Args:
            account_id: The integer id of the API channel, not the organization's.
        """

    async def account_of(self, organization_id: UUID) -> Account | None:
        """Return the account of an organization, or None if it has none yet."""

    async def add_account(self, organization_id: UUID, at: datetime) -> Account:
        """Create the account of an organization unless it has one.

        Args:
            organization_id: An organization that exists.
            at: When the account is created.

        Returns:
            The account, new or not.
        """

    async def lock_account(self, account_id: int) -> None:
        """Lock the account until the end of the transaction, so that changes of its contacts are made one after the other.

        Unique values of contacts stay unique like this. Reads do not wait.
        """

    async def agent(self, agent_id: int) -> Agent | None:
        """Return an agent of any account, or None if there is none with that id."""

    async def agent_of(self, account_id: int, user_id: UUID | None) -> Agent | None:
        """Return the agent of a user in the account, or None if there is none yet.

        Args:
            account_id: The account.
            user_id: The user; None for the organization itself, whose own tokens have no user.
        """

    async def add_agent(self, account_id: int, user_id: UUID | None) -> Agent:
        """Create the agent of a user in the account unless there is one.

        Args:
            account_id: The account.
            user_id: A user that exists; None for the organization itself.

        Returns:
            The agent, new or not.
        """

    async def contact(self, account_id: int, contact_id: int) -> Contact | None:
        """Return a contact of the account, or None if it has none with that id."""

    async def contact_with(self, account_id: int, attribute: str, value: str) -> Contact | None:
        """Return the contact of the account that has this value, or None.

        Args:
            account_id: The account.
            attribute: `email`, `phone_number` or `identifier`.
            value: The whole value, compared exactly.
        """

    async def add_contact(self, values: Mapping[str, Any]) -> Contact:
        """Store a contact.

        Args:
            values: All columns but the id. The account must be locked if one of the unique ones is among them.

        Returns:
            The contact, with its id.
        """

    async def change_contact(self, contact_id: int, values: Mapping[str, Any]) -> Contact:
        """Change a contact that exists.

        Args:
            contact_id: The contact.
            values: The columns to change; empty for none.

        Returns:
            The contact after the change.
        """

    async def contacts(self, account_id: int, search: str, limit: int, offset: int) -> tuple[list[Contact], int]:
        """Return a page of the account's contacts by id, and the number of all that match.

        Args:
            account_id: The account.
            search: A part of the name, email address, phone number or identifier, in any case of ASCII letters. Empty: all.
            limit: The most contacts to return.
            offset: The number of contacts before the page.
        """


class SourceRecords(Protocol):
    """Inboxes and the sessions of contacts in them."""

    async def inbox(self, account_id: int, inbox_id: int) -> Inbox | None:
        """Return an inbox of the account, or None if it has none with that id."""

    async def inbox_by_identifier(self, identifier: str) -> Inbox | None:
        """Return the inbox with this identifier, which opens the public client API, or None."""

    async def inboxes(self, account_id: int, inbox_ids: Collection[int] | None = None) -> list[Inbox]:
        """Return the inboxes of the account by id.

        Args:
            account_id: The account.
            inbox_ids: Only these; None: all.
        """

    async def add_inbox(self, values: Mapping[str, Any]) -> Inbox:
        """Store an inbox.

        Args:
            values: All columns but the id.

        Returns:
            The inbox, with its id.
        """

    async def change_inbox(self, inbox_id: int, values: Mapping[str, Any]) -> Inbox:
        """Change an inbox that exists.

        Args:
            inbox_id: The inbox.
            values: The columns to change; empty for none.

        Returns:
            The inbox after the change.
        """

    async def session(self, session_id: int) -> ContactSession | None:
        """Return a session of any inbox, or None if there is none with that id."""

    async def session_in(self, inbox_id: int, source_id: str) -> ContactSession | None:
        """Return the session of the inbox with this source id, or None."""

    async def sessions(
        self, account_id: int, *, source_id: str | None = None, contact_ids: Collection[int] | None = None
    ) -> list[ContactSession]:
        """Return the account's sessions with these values, oldest first.

        Args:
            account_id: The account.
            source_id: Only sessions with this source id, of which each inbox has at most one.
            contact_ids: Only sessions of these contacts.
        """

    async def add_session(self, values: Mapping[str, Any]) -> ContactSession:
        """Store a session of a contact in an inbox.

        Args:
            values: All columns but the id.

        Returns:
            The session, with its id.
        """

    async def verify_session(self, session_id: int, at: datetime) -> None:
        """Mark the identity of the session's contact as proven.

        Args:
            session_id: The session.
            at: The session's new `updated_at`.
        """


class DeliveryRecords(Protocol):
    """Events that wait for webhooks."""

    async def add_delivery(self, values: Mapping[str, Any]) -> None:
        """Store an event for the webhook of an inbox.

        Args:
            values: All columns but the id.
        """

    async def claim_deliveries(
        self, now: datetime, until: datetime, limit: int, per_inbox: int, busy: Collection[int]
    ) -> list[tuple[Delivery, Inbox]]:
        """Claim deliveries that are due, or whose claim has expired, and count the attempt.

        A delivery waits until the earlier ones of its conversation are done. Each is claimed by one process only.

        Args:
            now: Deliveries are due at this time.
            until: When the claims expire.
            limit: The most deliveries to claim.
            per_inbox: The most deliveries of one inbox among them.
            busy: Inboxes of which none is claimed.

        Returns:
            The deliveries, oldest first, each with its inbox.
        """

    async def postpone_delivery(self, delivery_id: int, due_at: datetime) -> None:
        """End the claim of a delivery, and make it due at a later time.

        Args:
            delivery_id: The delivery.
            due_at: The time of the next attempt.
        """

    async def remove_delivery(self, delivery_id: int) -> None:
        """Delete a delivery that is done, or given up."""
