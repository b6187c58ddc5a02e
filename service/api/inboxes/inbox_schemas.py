"""Responses of inboxes and of the token's profile."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

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
