"""The token's profile, and the inboxes of an account."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from service.api.inboxes.contract import ACCOUNT, TOKEN_HEADERS
from service.api.inboxes.declare import agent_operation, desk_of
from service.api.inboxes.fields import Attributes, Boolean, Text
from service.api.inboxes.inbox_schemas import AccountAnswer, InboxAnswer, InboxList, ProfileAnswer
from service.api.inboxes.services import InboxServices
from service.domain.inboxes.access import Desk
from service.domain.inboxes.entities import Inbox
from service.domain.inboxes.inboxes import MAX_WEBHOOK_ATTEMPTS
from service.domain.inboxes.rules import MAX_WEBHOOK_URL
from service.http.fields import URL_PATTERN, Id
from service.http.operation import Call, Nothing, Operation, Reply
from service.http.schemas import without_defaults

PATH = ACCOUNT + "/inboxes"
INBOX = PATH + "/{inbox_id}"

Url = Annotated[str, Field(pattern=f"^$|{URL_PATTERN}", max_length=MAX_WEBHOOK_URL)]
"""An http(s) URL; empty for none."""

Attempts = Annotated[int, Field(ge=1, le=MAX_WEBHOOK_ATTEMPTS)]


class ApiChannelBody(BaseModel):
    """The channel of an inbox."""

    type: Literal["api"] = "api"
    webhook_url: Url | None = None
    hmac_mandatory: Boolean | None = None
    webhook_attempts: Attempts | None = None
    additional_attributes: Attributes | None = None


class InboxChanges(BaseModel):
    """Members of `channel` may also be sent at the top level. What is not sent stays as it is."""

    name: Text | None = None
    greeting_enabled: Boolean | None = None
    greeting_message: Text | None = None
    allow_messages_after_resolved: Boolean | None = None
    lock_to_single_conversation: Boolean | None = None
    webhook_url: Url | None = None
    hmac_mandatory: Boolean | None = None
    webhook_attempts: Attempts | None = Field(None, description="Attempts to deliver an event. The default is one.")
    additional_attributes: Attributes | None = None
    live_channel_id: Id | None = Field(
        None,
        description="A channel of the organization: messages appear in its room, and replies there go back to the contact.",
    )
    channel: ApiChannelBody | None = None

    def values(self) -> dict[str, Any]:
        """Return the fields that were sent."""
        sent = self.model_dump(exclude_unset=True, exclude={"channel"})
        if self.channel is not None:
            sent |= self.channel.model_dump(exclude_unset=True, exclude={"type"})
        nullable = ("webhook_url", "greeting_message", "channel_id")
        if "live_channel_id" in sent:
            sent["channel_id"] = sent.pop("live_channel_id")
        return {name: value for name, value in sent.items() if value is not None or name in nullable}


class InboxBody(InboxChanges):
    """A new inbox of the API channel."""

    name: Text


class InboxEdit(InboxChanges):
    model_config = {"json_schema_extra": without_defaults}


def operations(services: InboxServices) -> list[Operation]:
    """Return the operations of these resources."""

    @agent_operation("GET", "/api/v1/profile", ProfileAnswer, "The token's profile")
    async def get_profile(call: Call[Nothing, Nothing]) -> Reply:
        """Return the user of the token, with the id of the account that the other paths need."""
        given = next((call.request.headers[name] for name in TOKEN_HEADERS if name in call.request.headers), "")
        return Reply(_profile(await services.access.own(call.client), given))

    @agent_operation("GET", PATH, InboxList, "Inboxes of the account")
    async def list_inboxes(call: Call[Nothing, Nothing]) -> Reply:
        """Return all inboxes. Administrators (managers of the organization, and its own tokens) see their secrets."""
        desk = await desk_of(services, call)
        return Reply(InboxList(payload=[inbox_answer(each, desk) for each in await services.inboxes.list(desk)]))

    @agent_operation("POST", PATH, InboxAnswer, "Create an inbox", body=InboxBody)
    async def create_inbox(call: Call[Nothing, InboxBody]) -> Reply:
        """Create an inbox of the API channel. Its events are sent to `webhook_url`. Requires an administrator."""
        desk = await desk_of(services, call)
        return Reply(inbox_answer(await services.inboxes.create(desk, call.body.values()), desk))

    @agent_operation("GET", INBOX, InboxAnswer, "Retrieve an inbox")
    async def get_inbox(call: Call[Nothing, Nothing]) -> Reply:
        """Return an inbox. Administrators see its secrets."""
        desk = await desk_of(services, call)
        return Reply(inbox_answer(await services.inboxes.get(desk, call.number("inbox_id")), desk))

    @agent_operation("PATCH", INBOX, InboxAnswer, "Change an inbox", body=InboxEdit)
    async def change_inbox(call: Call[Nothing, InboxEdit]) -> Reply:
        """Change the members that are sent. Requires an administrator."""
        desk = await desk_of(services, call)
        return Reply(
            inbox_answer(await services.inboxes.change(desk, call.number("inbox_id"), call.body.values()), desk)
        )

    return [get_profile, list_inboxes, create_inbox, get_inbox, change_inbox]


def inbox_answer(inbox: Inbox, desk: Desk | None = None) -> InboxAnswer:
    """Return an inbox, with its secrets for an administrator."""
    secret = desk is None or desk.is_administrator
    return InboxAnswer(
        id=inbox.id,
        avatar_url="",
        channel_id=inbox.id,
        name=inbox.name,
        channel_type=inbox.channel_type,
        greeting_enabled=inbox.greeting_enabled,
        greeting_message=inbox.greeting_message,
        working_hours_enabled=False,
        timezone=inbox.timezone,
        allow_messages_after_resolved=inbox.allow_messages_after_resolved,
        lock_to_single_conversation=inbox.lock_to_single_conversation,
        provider=None,
        webhook_url=inbox.webhook_url,
        inbox_identifier=inbox.identifier,
        additional_attributes=dict(inbox.additional_attributes),
        hmac_token=inbox.hmac_token if secret else None,
        hmac_mandatory=inbox.hmac_mandatory,
        secret=inbox.webhook_secret if secret else None,
        webhook_attempts=inbox.webhook_attempts,
        live_channel_id=inbox.channel_id,
    )


def _profile(desk: Desk, token: str) -> ProfileAnswer:
    agent = desk.agent
    role: Literal["administrator", "agent"] = "administrator" if desk.is_administrator else "agent"
    return ProfileAnswer(
        access_token=token,
        account_id=desk.account_id,
        accounts=[AccountAnswer(id=desk.account_id, name=desk.account_name, role=role)],
        id=agent.id,
        name=agent.name,
        available_name=agent.name,
        display_name=agent.name,
        email=agent.email or "",
        avatar_url=agent.avatar_url or "",
        role=role,
        type=None,
    )
