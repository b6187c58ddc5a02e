"""The public client API: what the app of a contact may do.

The inbox's identifier and the contact's source id are its only credentials. So an unproven session sees its own conversations only;
one whose identity is proven by HMAC sees all conversations of its contact in the inbox.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from service.clock import Clock
from service.domain.errors import NotFound
from service.domain.inboxes.announcements import Announcer, WebhookEvent
from service.domain.inboxes.contacts import add_contact, change_contact, open_session
from service.domain.inboxes.entities import (
    Contact,
    ContactSession,
    ContentType,
    Conversation,
    ConversationStatus,
    Inbox,
    InboxMessage,
    MessageKind,
    SentMessage,
)
from service.domain.inboxes.errors import Refused
from service.domain.inboxes.files import NewFile, kept
from service.domain.inboxes.lifecycle import begin_conversation, change_status
from service.domain.inboxes.messages import PAGE, NewInboxMessage, Room, post
from service.domain.inboxes.ports import AttachmentFiles, InboxRecords, InboxStore
from service.domain.inboxes.rules import normalized, require_content, require_identity, require_small
from service.domain.inboxes.views import view_of, with_senders

MAX_CONVERSATIONS = 100
"""Conversations in a list, those with the latest activity."""

CSAT_WINDOW = timedelta(days=14)
"""How long after it was sent a survey can be answered."""

FIRST_WORDS = (
    "amber autumn bold brave bright calm clever coral crimson eager early gentle golden happy hidden lucky".split()
)
SECOND_WORDS = (
    "brook cedar cloud comet falcon field forest garden harbor island lantern meadow otter pine river sparrow".split()
)


@dataclass(frozen=True, slots=True)
class Proof:
    """What a client sends to prove the identity of its contact."""

    identifier: str | None = None
    identifier_hash: str | None = None


@dataclass(frozen=True, slots=True)
class PublicConversation:
    """A conversation with its latest messages that the contact may see."""

    conversation: Conversation
    contact: Contact
    messages: list[SentMessage]


class PublicInboxes:
    """Every method may raise NotFound and Unavailable. `identifier` is the inbox's, `source` the source id of a session."""

    def __init__(
        self, store: InboxStore, announcer: Announcer, room: Room, files: AttachmentFiles, clock: Clock
    ) -> None:
        self._store = store
        self._room = room
        self._announcer = announcer
        self._files = files
        self._clock = clock

    async def inbox(self, identifier: str) -> Inbox:
        async with self._store.reading_inboxes() as records:
            return await _inbox(records, identifier)

    async def open_contact(
        self, identifier: str, source: str | None, values: Mapping[str, Any], proof: Proof
    ) -> tuple[ContactSession, Contact]:
        """Return the session with this source id, or one of the contact with these values, each created unless it exists.

        Raises:
            NotPermitted: The proof is wrong, or required and missing.
            RecordInvalid: A value breaks a rule.
        """
        async with self._store.transaction() as tx:
            records, now = tx.inboxes, self._clock.now()
            inbox = await _inbox(records, identifier)
            require_identity(inbox, proof.identifier, proof.identifier_hash)
            await records.lock_account(inbox.account_id)
            if source and (known := await records.session_in(inbox.id, source)) is not None:
                return known, await _contact(records, inbox, known)
            given = normalized({**values, "identifier": proof.identifier})
            contact = await _matching(records, inbox.account_id, given)
            if contact is None:
                name = given.get("name") or f"{secrets.choice(FIRST_WORDS)}-{secrets.choice(SECOND_WORDS)}"
                contact = await add_contact(records, inbox.account_id, {**given, "name": name}, now)
            return await open_session(records, inbox, contact, source, now), contact

    async def contact(self, identifier: str, source: str, proof: Proof) -> tuple[ContactSession, Contact]:
        """Return a session and its contact. A valid proof marks the session as verified. Raise NotPermitted."""
        async with self._store.transaction() as tx:
            inbox, session = await _session(tx.inboxes, identifier, source)
            session = await self._verified(tx.inboxes, inbox, session, proof)
            return session, await _contact(tx.inboxes, inbox, session)

    async def change_contact(
        self, identifier: str, source: str, values: Mapping[str, Any], proof: Proof
    ) -> tuple[ContactSession, Contact]:
        """Set the given values of the contact. A valid proof marks the session as verified. Raise NotPermitted, RecordInvalid."""
        async with self._store.transaction() as tx:
            records = tx.inboxes
            inbox, session = await _session(records, identifier, source)
            await records.lock_account(inbox.account_id)
            session = await self._verified(records, inbox, session, proof)
            contact = await _contact(records, inbox, session)
            changed = dict(values) if proof.identifier is None else {**values, "identifier": proof.identifier}
            return session, await change_contact(records, contact, changed, self._clock.now())

    async def begin(self, identifier: str, source: str, custom_attributes: Mapping[str, Any]) -> PublicConversation:
        """Create a conversation of the session."""
        async with self._store.transaction() as tx:
            records, now = tx.inboxes, self._clock.now()
            inbox, session = await _session(records, identifier, source)
            await records.lock_account(inbox.account_id)
            contact = await _contact(records, inbox, session)
            conversation = await begin_conversation(
                records, self._announcer, inbox, contact, session, now, custom_attributes=dict(custom_attributes)
            )
            return await _shown(records, conversation, contact)

    async def conversations(self, identifier: str, source: str) -> list[PublicConversation]:
        async with self._store.reading_inboxes() as records:
            inbox, session = await _session(records, identifier, source)
            contact = await _contact(records, inbox, session)
            found = await records.conversations(
                inbox.account_id, inbox_id=inbox.id, limit=MAX_CONVERSATIONS, contact_id=contact.id,
                session_id=None if session.hmac_verified else session.id,
            )  # fmt: skip
            return [await _shown(records, each, contact) for each in found]

    async def conversation(self, identifier: str, source: str, number: int) -> PublicConversation:
        async with self._store.reading_inboxes() as records:
            conversation, contact, _ = await _conversation(records, identifier, source, number)
            return await _shown(records, conversation, contact)

    async def resolve(self, identifier: str, source: str, number: int) -> PublicConversation:
        """Resolve a conversation. A contact cannot reopen one like this; a message does."""
        async with self._store.transaction() as tx:
            conversation, contact, _ = await _conversation(tx.inboxes, identifier, source, number, lock=True)
            if conversation.status is not ConversationStatus.RESOLVED:
                conversation = await change_status(
                    tx.inboxes, self._announcer, conversation, ConversationStatus.RESOLVED, self._clock.now()
                )
            return await _shown(tx.inboxes, conversation, contact)

    async def typing(self, identifier: str, source: str, number: int, *, on: bool) -> None:
        """Tell the webhook that the contact begins or stops typing."""
        async with self._store.transaction() as tx:
            conversation, contact, _ = await _conversation(tx.inboxes, identifier, source, number)
            view = await view_of(tx.inboxes, conversation)
            await self._announcer.typing(tx.inboxes, view, contact, on=on, private=False)

    async def seen(self, identifier: str, source: str, number: int) -> None:
        """Note that the contact has seen the conversation."""
        async with self._store.transaction() as tx:
            conversation, _, _ = await _conversation(tx.inboxes, identifier, source, number, lock=True)
            await tx.inboxes.change_conversation(conversation.id, {"contact_last_seen_at": self._clock.now()})

    async def send(
        self, identifier: str, source: str, number: int, content: str | None, files: Sequence[NewFile]
    ) -> SentMessage:
        """Post a message of the contact. Raise Refused."""
        require_content(content, len(files))
        new = NewInboxMessage(content, MessageKind.INCOMING, files=files)
        async with kept(self._files, files), self._store.transaction() as tx:
            conversation, _, _ = await _conversation(tx.inboxes, identifier, source, number, lock=True)
            return await post(tx, self._announcer, conversation, new, None, self._clock.now(), self._room)

    async def messages(self, identifier: str, source: str, number: int, before: int | None) -> list[SentMessage]:
        """Return the latest messages, or those before an id, ascending; no private ones and no activities."""
        async with self._store.reading_inboxes() as records:
            conversation, _, _ = await _conversation(records, identifier, source, number)
            return await _latest(records, conversation, before)

    async def submit(
        self, identifier: str, source: str, number: int, message_id: int, submitted: Sequence[Any]
    ) -> SentMessage:
        """Store what the contact has submitted in a form, a selection or a survey.

        Raises:
            Refused: The message takes no input, or the survey is too old.
        """
        async with self._store.transaction() as tx:
            records, now = tx.inboxes, self._clock.now()
            conversation, _, _ = await _conversation(records, identifier, source, number, lock=True)
            message = await _visible_message(records, conversation, message_id)
            if message.content_type is ContentType.INPUT_CSAT and now - message.created_at > CSAT_WINDOW:
                raise Refused("You cannot update the CSAT survey after 14 days")
            attributes = {**message.content_attributes, "submitted_values": list(submitted)}
            require_small({"content_attributes": attributes}, "content_attributes")
            values = {"content_attributes": attributes, "updated_at": now}
            changed = await records.change_message(message.id, values)
            (sent,) = await with_senders(records, conversation, [changed])
            view = await view_of(records, conversation)
            await self._announcer.message(records, WebhookEvent.MESSAGE_UPDATED, view, sent)
            return sent

    async def _verified(
        self, records: InboxRecords, inbox: Inbox, session: ContactSession, proof: Proof
    ) -> ContactSession:
        if require_identity(inbox, proof.identifier, proof.identifier_hash) and not session.hmac_verified:
            await records.verify_session(session.id, self._clock.now())
            return await records.session(session.id) or session
        return session


async def _inbox(records: InboxRecords, identifier: str) -> Inbox:
    inbox = await records.inbox_by_identifier(identifier)
    if inbox is None or not inbox.is_api:
        raise NotFound
    return inbox


async def _session(records: InboxRecords, identifier: str, source: str) -> tuple[Inbox, ContactSession]:
    inbox = await _inbox(records, identifier)
    session = await records.session_in(inbox.id, source)
    if session is None:
        raise NotFound
    return inbox, session


async def _contact(records: InboxRecords, inbox: Inbox, session: ContactSession) -> Contact:
    contact = await records.contact(inbox.account_id, session.contact_id)
    if contact is None:
        raise NotFound
    return contact


async def _matching(records: InboxRecords, account_id: int, values: Mapping[str, Any]) -> Contact | None:
    """Return the contact with this identifier, email address or phone number, in this order."""
    for name in ("identifier", "email", "phone_number"):
        if values.get(name):
            found = await records.contact_with(account_id, name, values[name])
            if found is not None:
                return found
    return None


async def _conversation(
    records: InboxRecords, identifier: str, source: str, number: int, *, lock: bool = False
) -> tuple[Conversation, Contact, Inbox]:
    inbox, session = await _session(records, identifier, source)
    contact = await _contact(records, inbox, session)
    conversation = await records.conversation(inbox.account_id, number, lock=lock)
    if conversation is None or conversation.inbox_id != inbox.id:
        raise NotFound
    own = conversation.session_id == session.id
    if not own and not (session.hmac_verified and conversation.contact_id == contact.id):
        raise NotFound
    return conversation, contact, inbox


async def _latest(records: InboxRecords, conversation: Conversation, before: int | None) -> list[SentMessage]:
    found = await records.messages(conversation.id, before=before, after=None, limit=PAGE, public=True)
    return await with_senders(records, conversation, found)


async def _shown(records: InboxRecords, conversation: Conversation, contact: Contact) -> PublicConversation:
    return PublicConversation(conversation, contact, await _latest(records, conversation, None))


async def _visible_message(records: InboxRecords, conversation: Conversation, message_id: int) -> InboxMessage:
    message = await records.message(conversation.id, message_id)
    if message is None or message.private or message.kind is MessageKind.ACTIVITY:
        raise NotFound
    return message
