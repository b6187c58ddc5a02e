"""Contacts of an account, and their sessions in its inboxes."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from service.clock import Clock
from service.domain.errors import NotFound
from service.domain.inboxes.access import Desk
from service.domain.inboxes.entities import Contact, ContactSession, Inbox
from service.domain.inboxes.errors import SOURCE_TAKEN, RecordInvalid, Refused
from service.domain.inboxes.inboxes import found_inbox
from service.domain.inboxes.ports import InboxRecords, InboxStore
from service.domain.inboxes.rules import MAX_TEXT, normalized, require_small, require_valid_contact
from service.domain.inboxes.views import sessions_of

CONTACTS_PER_PAGE = 15
"""As in the contract's service."""

PUBSUB_BYTES = 24


@dataclass(frozen=True, slots=True)
class ContactView:
    """A contact with its sessions, oldest first."""

    contact: Contact
    sessions: list[tuple[ContactSession, Inbox]]


class Contacts:
    """Every method may raise NotFound and Unavailable."""

    def __init__(self, store: InboxStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def create(
        self, desk: Desk, values: Mapping[str, Any], inbox_id: int | None = None, source_id: str | None = None
    ) -> tuple[ContactView, tuple[ContactSession, Inbox] | None]:
        """Create a contact, and its session in the inbox unless that is None. Nothing is stored if any of it fails.

        Raises:
            RecordInvalid: A value breaks a rule, or is another contact's.
            Refused: The source id is another contact's.
        """
        async with self._store.transaction() as tx:
            records, now = tx.inboxes, self._clock.now()
            await records.lock_account(desk.account_id)
            inbox = None if inbox_id is None else await found_inbox(records.inbox(desk.account_id, inbox_id))
            contact = await add_contact(records, desk.account_id, values, now)
            session = None
            if inbox is not None:
                session = (await open_session(records, inbox, contact, source_id, now), inbox)
            return ContactView(contact, [] if session is None else [session]), session

    async def get(self, desk: Desk, contact_id: int) -> ContactView:
        async with self._store.reading_inboxes() as records:
            contact = await _found(records, desk, contact_id)
            return ContactView(contact, await sessions_of(records, contact))

    async def search(self, desk: Desk, text: str, page: int) -> tuple[list[ContactView], int]:
        """Return a page (from 1) of the contacts that contain `text`, and the number of all of them."""
        async with self._store.reading_inboxes() as records:
            offset = (page - 1) * CONTACTS_PER_PAGE
            found, total = await records.contacts(desk.account_id, text.strip(), CONTACTS_PER_PAGE, offset)
            return [ContactView(each, await sessions_of(records, each)) for each in found], total

    async def change(self, desk: Desk, contact_id: int, values: Mapping[str, Any]) -> ContactView:
        """Set the given values. Raise RecordInvalid."""
        async with self._store.transaction() as tx:
            await tx.inboxes.lock_account(desk.account_id)
            contact = await _found(tx.inboxes, desk, contact_id)
            changed = await change_contact(tx.inboxes, contact, values, self._clock.now())
            return ContactView(changed, await sessions_of(tx.inboxes, changed))

    async def add_session(
        self, desk: Desk, contact_id: int, inbox_id: int, source_id: str | None
    ) -> tuple[ContactSession, Inbox]:
        """Return a session of the contact in the inbox, with the given source id or a random one. Raise Refused."""
        async with self._store.transaction() as tx:
            await tx.inboxes.lock_account(desk.account_id)
            contact = await _found(tx.inboxes, desk, contact_id)
            inbox = await found_inbox(tx.inboxes.inbox(desk.account_id, inbox_id))
            return await open_session(tx.inboxes, inbox, contact, source_id, self._clock.now()), inbox


async def _found(records: InboxRecords, desk: Desk, contact_id: int) -> Contact:
    contact = await records.contact(desk.account_id, contact_id)
    if contact is None:
        raise NotFound
    return contact


async def add_contact(records: InboxRecords, account_id: int, values: Mapping[str, Any], now: datetime) -> Contact:
    """Store a new contact. The account must be locked. Raise RecordInvalid."""
    stored = normalized(values)
    await require_valid_contact(records, account_id, stored)
    require_small(stored, "additional_attributes", "custom_attributes")
    nothing = dict.fromkeys(("name", "email", "phone_number", "identifier", "avatar_url", "last_activity_at"))
    defaults = {"blocked": False, "additional_attributes": {}, "custom_attributes": {}}
    row = {**nothing, **defaults, **stored, "account_id": account_id, "created_at": now, "updated_at": now}
    return await records.add_contact(row)


async def change_contact(records: InboxRecords, contact: Contact, values: Mapping[str, Any], now: datetime) -> Contact:
    """Set values of a contact; attributes are merged. The account must be locked. Raise RecordInvalid."""
    stored = normalized(values)
    for name in ("additional_attributes", "custom_attributes"):
        if name in stored:
            stored[name] = {**getattr(contact, name), **stored[name]}
    await require_valid_contact(records, contact.account_id, stored, contact.id)
    require_small(stored, "additional_attributes", "custom_attributes")
    return await records.change_contact(contact.id, {**stored, "updated_at": now})


async def open_session(
    records: InboxRecords, inbox: Inbox, contact: Contact, source_id: str | None, now: datetime
) -> ContactSession:
    """Return the contact's session with this source id, created unless it exists (None: a new one). The account must be locked.

    Raises:
        Refused: The session belongs to another contact.
        RecordInvalid: The source id is too long.
    """
    if source_id:
        if len(source_id) > MAX_TEXT:
            raise RecordInvalid([("source_id", f"Source is too long (maximum is {MAX_TEXT} characters)")])
        known = await records.session_in(inbox.id, source_id)
        if known is not None:
            if known.contact_id != contact.id:
                raise Refused(SOURCE_TAKEN)
            return known
    return await records.add_session(
        {
            "contact_id": contact.id,
            "inbox_id": inbox.id,
            "source_id": source_id or str(uuid4()),
            "hmac_verified": False,
            "pubsub_token": secrets.token_urlsafe(PUBSUB_BYTES),
            "created_at": now,
            "updated_at": now,
        }
    )
