"""Responses of the API channel. Their values are made by `domain/inboxes/wire.py`, which webhooks share."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field, RootModel

from service.http.schemas import Answer


def _absent(value: Any) -> bool:
    return value is None


Omitted = Field(exclude_if=_absent)
"""A member that is left out while it has no value."""


class SlimInbox(Answer):
    """An inbox as a part of a contact. The members of web widgets are null."""

    id: int
    avatar_url: str
    channel_id: int
    name: str
    channel_type: str
    provider: str | None
    website_url: str | None
    widget_color: str | None
    website_token: str | None
    enable_auto_assignment: bool
    web_widget_script: str | None
    welcome_title: str | None
    welcome_tagline: str | None
    greeting_enabled: bool
    greeting_message: str | None


class WholeInbox(SlimInbox):
    """An inbox with all its columns."""

    account_id: int
    created_at: str
    updated_at: str
    email_address: str | None
    working_hours_enabled: bool
    out_of_office_message: str | None
    timezone: str
    enable_email_collect: bool
    csat_survey_enabled: bool
    allow_messages_after_resolved: bool
    auto_assignment_config: dict[str, Any]
    lock_to_single_conversation: bool
    portal_id: int | None
    sender_name_type: str
    business_name: str | None


class InboxAnswer(Answer):
    """An inbox. Only administrators get `hmac_token` and `secret`. Keep both secret."""

    id: int
    avatar_url: str
    channel_id: int
    name: str
    channel_type: str
    greeting_enabled: bool
    greeting_message: str | None
    working_hours_enabled: bool
    timezone: str
    allow_messages_after_resolved: bool
    lock_to_single_conversation: bool
    provider: str | None
    webhook_url: str | None
    inbox_identifier: str = Field(description="Opens the public client API.")
    additional_attributes: dict[str, Any]
    hmac_token: Annotated[str | None, Omitted] = Field(None, repr=False, description="Key of `identifier_hash`.")
    hmac_mandatory: bool
    secret: Annotated[str | None, Omitted] = Field(None, repr=False, description="Key of `X-Chatwoot-Signature`.")
    webhook_attempts: int
    live_channel_id: UUID | None = Field(description="The channel in whose room the messages appear.")


class InboxList(Answer):
    payload: list[InboxAnswer]


class ContactInbox(Answer):
    """A session of a contact."""

    source_id: str
    inbox: SlimInbox


class WholeContactInbox(Answer):
    """The session that was created with a contact; null without one."""

    source_id: str | None
    inbox: WholeInbox | None


class ContactBase(Answer):
    additional_attributes: dict[str, Any]
    availability_status: str
    email: str | None
    id: int
    name: str | None
    phone_number: str | None
    blocked: bool
    identifier: str | None
    thumbnail: str
    custom_attributes: dict[str, Any]
    last_activity_at: Annotated[int | None, Omitted] = None
    created_at: int


class ContactAnswer(ContactBase):
    contact_inboxes: list[ContactInbox]


class CreatedPayload(Answer):
    contact: ContactAnswer
    contact_inbox: WholeContactInbox


class CreatedContact(ContactAnswer):
    """A new contact in both forms that clients know: flat, and in `payload`."""

    payload: CreatedPayload


class ContactPayload(Answer):
    payload: ContactAnswer


class SearchMeta(Answer):
    count: int
    current_page: int


class ContactSearch(Answer):
    meta: SearchMeta
    payload: list[ContactAnswer]


class Sender(Answer):
    """The sender of a message: a contact, a user, or a bot."""

    id: int
    name: str | None
    type: Literal["contact", "user", "agent_bot"]
    additional_attributes: Annotated[dict[str, Any] | None, Omitted] = None
    custom_attributes: Annotated[dict[str, Any] | None, Omitted] = None
    email: str | None = None
    identifier: str | None = None
    phone_number: str | None = None
    thumbnail: Annotated[str | None, Omitted] = None
    blocked: Annotated[bool | None, Omitted] = None
    available_name: Annotated[str | None, Omitted] = None
    avatar_url: Annotated[str | None, Omitted] = None
    availability_status: Annotated[str | None, Omitted] = None


class AttachmentAnswer(Answer):
    id: int
    message_id: int | None
    file_type: Literal["image", "audio", "video", "file"]
    account_id: int
    extension: str | None
    data_url: str
    thumb_url: str
    file_size: int
    width: int | None
    height: int | None


class InboxMessageAnswer(Answer):
    """A message. `message_type`: 0 incoming, 1 outgoing, 2 activity, 3 template."""

    id: int
    content: str | None
    inbox_id: int
    echo_id: Annotated[str | None, Omitted] = None
    conversation_id: int
    message_type: int
    content_type: str
    status: str
    content_attributes: dict[str, Any]
    created_at: int
    private: bool
    source_id: str | None
    sender: Annotated[Sender | None, Omitted] = None
    attachments: Annotated[list[AttachmentAnswer] | None, Omitted] = None


class ConversationMeta(Answer):
    sender: ContactBase
    channel: str
    assignee: Annotated[Sender | None, Omitted] = None
    hmac_verified: bool


class ConversationAnswer(Answer):
    """A conversation. Times that do not apply are 0."""

    meta: ConversationMeta
    id: int
    messages: list[InboxMessageAnswer]
    account_id: int
    uuid: str
    additional_attributes: dict[str, Any]
    agent_last_seen_at: int
    assignee_last_seen_at: int
    can_reply: bool
    contact_last_seen_at: int
    custom_attributes: dict[str, Any]
    inbox_id: int
    labels: list[str]
    muted: bool
    snoozed_until: int | None
    status: str
    created_at: int
    updated_at: float
    timestamp: int
    first_reply_created_at: int
    unread_count: int
    last_non_activity_message: InboxMessageAnswer | None
    last_activity_at: int
    priority: str | None
    waiting_since: int
    sla_policy_id: int | None


class ConversationPayload(Answer):
    payload: list[ConversationAnswer]


class ConversationCounts(Answer):
    mine_count: int
    assigned_count: int
    unassigned_count: int
    all_count: int


class ConversationPageData(Answer):
    meta: ConversationCounts
    payload: list[ConversationAnswer]


class ConversationList(Answer):
    data: ConversationPageData


class MessagesMeta(Answer):
    labels: list[str]
    additional_attributes: dict[str, Any]
    contact: ContactBase
    assignee: Annotated[Sender | None, Omitted] = None
    agent_last_seen_at: int
    assignee_last_seen_at: int


class MessageList(Answer):
    meta: MessagesMeta
    payload: list[InboxMessageAnswer]


class StatusPayload(Answer):
    success: bool
    conversation_id: int
    current_status: str
    snoozed_until: int | None


class StatusChanged(Answer):
    meta: dict[str, Any]
    payload: StatusPayload


class CustomAttributes(Answer):
    custom_attributes: dict[str, Any]


class AccountAnswer(Answer):
    id: int
    name: str
    role: Literal["administrator", "agent"]


class ProfileAnswer(Answer):
    """The user of the token, and its account."""

    access_token: str = Field(repr=False)
    account_id: int
    accounts: list[AccountAnswer]
    id: int
    name: str
    available_name: str
    display_name: str
    email: str
    avatar_url: str
    role: Literal["administrator", "agent"]
    type: str | None


class PublicInbox(Answer):
    identifier: str
    identity_validation_enabled: bool
    name: str
    timezone: str
    working_hours: list[dict[str, Any]]
    working_hours_enabled: bool
    csat_survey_enabled: bool
    greeting_enabled: bool
    greeting_message: str | None


class PublicContact(Answer):
    source_id: str
    pubsub_token: str = Field(repr=False)
    id: int
    name: str | None
    email: str | None
    phone_number: str | None


class ChangedPublicContact(PublicContact):
    """A contact after a change, with its row."""

    identifier: str | None
    blocked: bool
    account_id: int
    additional_attributes: dict[str, Any]
    custom_attributes: dict[str, Any]
    created_at: str
    updated_at: str


class PublicMessage(Answer):
    id: int
    content: str | None
    message_type: int
    content_type: str
    content_attributes: dict[str, Any]
    created_at: int
    conversation_id: int
    echo_id: Annotated[str | None, Omitted] = None
    sender: Annotated[Sender | None, Omitted] = None
    attachments: Annotated[list[AttachmentAnswer] | None, Omitted] = None


class PublicConversationAnswer(Answer):
    id: int
    uuid: str
    inbox_id: int
    contact_last_seen_at: int
    status: str
    agent_last_seen_at: int
    messages: list[PublicMessage]
    contact: ContactBase


class PublicConversationList(RootModel[list[PublicConversationAnswer]]):
    """All conversations that the session may see."""


class PublicMessageList(RootModel[list[PublicMessage]]):
    """A page of messages, in ascending order."""


def shaped(model: type[BaseModel], value: Any) -> BaseModel:
    """Return the object as its model."""
    return model.model_validate(value)
