"""Responses of the public client API of inboxes."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, RootModel

from service.api.inboxes.inbox_schemas import Omitted
from service.api.inboxes.schemas import AttachmentAnswer, ContactBase, Sender
from service.http.schemas import Answer


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
