"""The entities of the API channel, as stored. Ids are integers, unique in the installation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any
from uuid import UUID

API_CHANNEL = "Channel::Api"
"""The type of inboxes whose source is a client of this API."""


class ConversationStatus(StrEnum):
    OPEN = "open"
    RESOLVED = "resolved"
    PENDING = "pending"
    SNOOZED = "snoozed"


class MessageKind(IntEnum):
    """Numbers as in REST responses; webhooks use the names in lower case."""

    INCOMING = 0
    OUTGOING = 1
    ACTIVITY = 2
    TEMPLATE = 3


class ContentType(StrEnum):
    TEXT = "text"
    INPUT_EMAIL = "input_email"
    INPUT_TEXT = "input_text"
    INPUT_TEXTAREA = "input_textarea"
    INPUT_SELECT = "input_select"
    CARDS = "cards"
    FORM = "form"
    ARTICLE = "article"
    INPUT_CSAT = "input_csat"


class MessageStatus(StrEnum):
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"


class SenderKind(StrEnum):
    CONTACT = "contact"
    AGENT = "agent"


@dataclass(frozen=True, slots=True)
class Account:
    """An organization under an integer id. `conversation_count` is the number of its last conversation."""

    id: int
    organization_id: UUID
    name: str
    conversation_count: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Agent:
    """A user under an integer id. `user_id` is None for the organization itself, whose tokens act for no user."""

    id: int
    account_id: int
    user_id: UUID | None
    name: str
    email: str | None
    avatar_url: str | None
    is_bot: bool


@dataclass(frozen=True, slots=True)
class Inbox:
    """One source of contacts. `identifier` opens the public client API; `hmac_token` proves the identity of contacts.

    `channel_id`: the channel in whose room the contacts' messages appear. `webhook_attempts`: the deliveries that are tried.
    """

    id: int
    account_id: int
    name: str
    channel_type: str
    identifier: str
    hmac_token: str = field(repr=False)
    hmac_mandatory: bool
    webhook_url: str | None
    webhook_secret: str = field(repr=False)
    webhook_attempts: int
    greeting_enabled: bool
    greeting_message: str | None
    allow_messages_after_resolved: bool
    lock_to_single_conversation: bool
    timezone: str
    additional_attributes: Mapping[str, Any]
    channel_id: UUID | None
    room_user_id: UUID | None
    created_at: datetime
    updated_at: datetime

    @property
    def is_api(self) -> bool:
        return self.channel_type == API_CHANNEL


@dataclass(frozen=True, slots=True)
class Contact:
    """A person outside of the organization."""

    id: int
    account_id: int
    name: str | None
    email: str | None
    phone_number: str | None
    identifier: str | None
    avatar_url: str | None
    blocked: bool
    additional_attributes: Mapping[str, Any]
    custom_attributes: Mapping[str, Any]
    last_activity_at: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class ContactSession:
    """A contact in one inbox, under the id that the source has for it (the contract's `contact_inbox`)."""

    id: int
    contact_id: int
    inbox_id: int
    source_id: str
    hmac_verified: bool
    pubsub_token: str = field(repr=False)
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Conversation:
    """`number` counts within the account, and is its id in requests and responses."""

    id: int
    account_id: int
    number: int
    uuid: UUID
    inbox_id: int
    contact_id: int
    session_id: int
    status: ConversationStatus
    assignee_id: int | None
    snoozed_until: datetime | None
    additional_attributes: Mapping[str, Any]
    custom_attributes: Mapping[str, Any]
    agent_last_seen_at: datetime | None
    assignee_last_seen_at: datetime | None
    contact_last_seen_at: datetime | None
    first_reply_created_at: datetime | None
    waiting_since: datetime | None
    last_activity_at: datetime
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file of a message. `token` is its address, which cannot be guessed."""

    id: int
    token: str
    account_id: int
    message_id: int | None
    file_type: str
    name: str
    content_type: str
    size: int
    width: int | None
    height: int | None
    created_at: datetime

    @property
    def extension(self) -> str | None:
        stem, dot, extension = self.name.rpartition(".")
        return extension.lower() if stem and dot and extension.isalnum() else None


@dataclass(frozen=True, slots=True)
class InboxMessage:
    """A message of a conversation. `sender_id` is an id of the kind that `sender_kind` names.

    `room_message_id`: the message of the channel's room with the same text, if the inbox is bound to a channel.
    """

    id: int
    account_id: int
    inbox_id: int
    conversation_id: int
    kind: MessageKind
    content: str | None
    content_type: ContentType
    content_attributes: Mapping[str, Any]
    private: bool
    status: MessageStatus
    source_id: str | None
    sender_kind: SenderKind | None
    sender_id: int | None
    room_message_id: UUID | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class SentMessage:
    """A message with what its views show."""

    message: InboxMessage
    number: int
    sender: Contact | Agent | None
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class ConversationView:
    """A conversation with what its views show. `last_message`: the last one that is neither private nor an activity."""

    conversation: Conversation
    account: Account
    inbox: Inbox
    contact: Contact
    session: ContactSession
    assignee: Agent | None
    last_message: SentMessage | None
    unread_count: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event that waits to be sent to an inbox's webhook."""

    id: int
    inbox_id: int
    conversation_id: int | None
    message_id: int | None
    event: str
    body: str
    attempts: int
    created_at: datetime
