"""Responses of the API channel. Their values are made by `domain/inboxes/wire.py`, which webhooks share."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel

from service.api.inboxes.inbox_schemas import Omitted, SlimInbox, WholeInbox
from service.http.schemas import Answer


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


def shaped(model: type[BaseModel], value: Any) -> BaseModel:
    """Return the object as its model."""
    return model.model_validate(value)
