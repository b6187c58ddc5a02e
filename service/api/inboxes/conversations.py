"""Conversations of an account."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel, Field

from service.api.inboxes.contract import ACCOUNT
from service.api.inboxes.declare import agent_operation, desk_of
from service.api.inboxes.fields import Attributes, Boolean, Number, Seconds, Text
from service.api.inboxes.messages import InboxMessageBody
from service.api.inboxes.schemas import (
    ConversationAnswer,
    ConversationList,
    CustomAttributes,
    StatusChanged,
    shaped,
)
from service.api.inboxes.services import InboxServices
from service.domain.inboxes.conversations import NewConversation
from service.domain.inboxes.entities import Conversation, ConversationStatus
from service.domain.inboxes.objects import seconds_or_none
from service.domain.inboxes.rules import choice
from service.domain.inboxes.wire import Wire
from service.http.operation import Call, Nothing, Operation, Reply

PATH = ACCOUNT + "/conversations"
CONVERSATION = PATH + "/{conversation_id}"


class ConversationBody(BaseModel):
    """A new conversation: of the session `source_id`, or of the contact in the inbox."""

    source_id: Text | None = None
    inbox_id: Number | None = None
    contact_id: Number | None = None
    additional_attributes: Attributes | None = None
    custom_attributes: Attributes | None = None
    status: Text | None = Field(None, description="open, resolved, pending or snoozed.")
    snoozed_until: Seconds | None = None
    assignee_id: Number | None = None
    hmac_verified: Boolean | None = Field(None, description="Marks the contact's identity as proven by you.")
    message: InboxMessageBody | None = Field(None, description="A first message, outgoing by default.")

    def new(self) -> NewConversation:
        return NewConversation(
            source_id=self.source_id or None,
            inbox_id=self.inbox_id,
            contact_id=self.contact_id,
            status=None if not self.status else choice(ConversationStatus, self.status, "status"),
            snoozed_until=_moment(self.snoozed_until),
            assignee_id=self.assignee_id,
            additional_attributes=self.additional_attributes or {},
            custom_attributes=self.custom_attributes or {},
            hmac_verified=bool(self.hmac_verified),
            message=None if self.message is None else self.message.new(),
        )


class StatusBody(BaseModel):
    status: Text | None = Field(
        None, description="open, resolved, pending or snoozed. Without it, open and resolved are switched."
    )
    snoozed_until: Seconds | None = None


class TypingBody(BaseModel):
    typing_status: Literal["on", "off"]
    is_private: Boolean = False


class AttributesBody(BaseModel):
    custom_attributes: Attributes


class ConversationsQuery(BaseModel):
    status: Literal["open", "resolved", "pending", "snoozed", "all"] = "open"
    inbox_id: int | None = Field(None, ge=1, le=999_999_999)
    page: int = Field(1, ge=1, le=100_000)


def operations(services: InboxServices) -> list[Operation]:
    """Return the operations of this resource."""
    return [*_conversations(services), *_state(services)]


def _conversations(services: InboxServices) -> list[Operation]:
    @agent_operation("POST", PATH, ConversationAnswer, "Create a conversation", body=ConversationBody)
    async def create_conversation(call: Call[Nothing, ConversationBody]) -> Reply:
        """Create a conversation of a session: by its `source_id`, or by inbox and contact. Its id counts within the account."""
        desk = await desk_of(services, call, bots=True)
        view = await services.conversations.create(desk, call.body.new())
        return Reply(shaped(ConversationAnswer, Wire(call.origin).conversation(view)))

    @agent_operation("GET", PATH, ConversationList, "Conversations of the account", query=ConversationsQuery)
    async def list_conversations(call: Call[ConversationsQuery, Nothing]) -> Reply:
        """Return a page of conversations, the one with the latest activity first."""
        desk = await desk_of(services, call)
        wanted, query = Wire(call.origin), call.query
        statuses = None if query.status == "all" else [query.status]
        found = await services.conversations.list(desk, inbox_id=query.inbox_id, statuses=statuses, page=query.page)
        total, assigned, own = await services.conversations.count(desk, inbox_id=query.inbox_id, statuses=statuses)
        counts = {
            "mine_count": own,
            "assigned_count": assigned,
            "unassigned_count": total - assigned,
            "all_count": total,
        }
        listed = {"meta": counts, "payload": [wanted.conversation(each) for each in found]}
        return Reply(shaped(ConversationList, {"data": listed}))

    @agent_operation("GET", CONVERSATION, ConversationAnswer, "Retrieve a conversation")
    async def get_conversation(call: Call[Nothing, Nothing]) -> Reply:
        """Return a conversation with its last message."""
        desk = await desk_of(services, call)
        view = await services.conversations.get(desk, call.number("conversation_id"))
        return Reply(shaped(ConversationAnswer, Wire(call.origin).conversation(view)))

    return [create_conversation, list_conversations, get_conversation]


def _state(services: InboxServices) -> list[Operation]:
    @agent_operation(
        "POST", CONVERSATION + "/toggle_status", StatusChanged, "Change the status of a conversation", body=StatusBody
    )
    async def toggle_status(call: Call[Nothing, StatusBody]) -> Reply:
        """Set the status, or switch between open and resolved. An incoming message opens a resolved conversation again."""
        desk = await desk_of(services, call, bots=True)
        status = None if not call.body.status else choice(ConversationStatus, call.body.status, "status")
        until, number = _moment(call.body.snoozed_until), call.number("conversation_id")
        changed = await services.conversations.set_status(desk, number, status, until)
        return Reply(_status_changed(changed))

    @agent_operation("POST", CONVERSATION + "/toggle_typing_status", None, "Show that the agent types", body=TypingBody)
    async def toggle_typing_status(call: Call[Nothing, TypingBody]) -> Reply:
        """Send the webhook event conversation_typing_on or conversation_typing_off."""
        desk = await desk_of(services, call)
        on = call.body.typing_status == "on"
        await services.conversations.typing(desk, call.number("conversation_id"), on=on, private=call.body.is_private)
        return Reply(None)

    @agent_operation("POST", CONVERSATION + "/update_last_seen", ConversationAnswer, "Mark a conversation as read")
    async def update_last_seen(call: Call[Nothing, Nothing]) -> Reply:
        """Set `agent_last_seen_at`. The unread count starts again from there."""
        desk = await desk_of(services, call)
        view = await services.conversations.seen(desk, call.number("conversation_id"))
        return Reply(shaped(ConversationAnswer, Wire(call.origin).conversation(view)))

    @agent_operation(
        "POST",
        CONVERSATION + "/custom_attributes",
        CustomAttributes,
        "Replace the custom attributes of a conversation",
        body=AttributesBody,
    )
    async def set_custom_attributes(call: Call[Nothing, AttributesBody]) -> Reply:
        """Replace the custom attributes."""
        desk = await desk_of(services, call, bots=True)
        given = call.body.custom_attributes
        changed = await services.conversations.set_attributes(desk, call.number("conversation_id"), given)
        return Reply(CustomAttributes(custom_attributes=dict(changed.custom_attributes)))

    return [toggle_status, toggle_typing_status, update_last_seen, set_custom_attributes]


def _status_changed(changed: Conversation) -> BaseModel:
    payload = {
        "success": True,
        "conversation_id": changed.number,
        "current_status": changed.status.value,
        "snoozed_until": seconds_or_none(changed.snoozed_until),
    }
    return shaped(StatusChanged, {"meta": {}, "payload": payload})


def _moment(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
