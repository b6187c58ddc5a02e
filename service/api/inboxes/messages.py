"""Messages of a conversation."""

from __future__ import annotations

from pydantic import BaseModel, Field

from service.api.inboxes.contract import ACCOUNT
from service.api.inboxes.declare import agent_operation, desk_of
from service.api.inboxes.fields import AttributesOrText, Boolean, Files, Text
from service.api.inboxes.schemas import InboxMessageAnswer, MessageList, shaped
from service.api.inboxes.services import InboxServices
from service.domain.errors import DomainError, Invalid, NotFound, Unavailable
from service.domain.inboxes.entities import ContentType, ConversationView, MessageKind, MessageStatus
from service.domain.inboxes.errors import Refused
from service.domain.inboxes.messages import NewInboxMessage
from service.domain.inboxes.objects import Json, agent_sender, contact_object, seconds
from service.domain.inboxes.rules import MAX_ATTACHMENTS, MAX_CONTENT, choice, choice_by_name, require_small
from service.domain.inboxes.wire import Wire
from service.http.operation import Call, Nothing, Operation, Reply

PATH = ACCOUNT + "/conversations/{conversation_id}/messages"
MESSAGE = PATH + "/{message_id}"

MAX_ERROR = 255


class InboxMessageBody(BaseModel):
    """A message to post."""

    content: Text | None = Field(None, description=f"At most {MAX_CONTENT} characters.")
    message_type: Text = Field("outgoing", description="incoming (from the contact), outgoing, activity or template.")
    private: Boolean | None = Field(None, description="A note that the contact does not see.")
    content_type: Text | None = Field(None, description="text, input_select, cards, form, article or another type.")
    content_attributes: AttributesOrText | None = None
    attachments: Files | None = Field(None, description=f"At most {MAX_ATTACHMENTS} files of a multipart body.")
    echo_id: Text | None = Field(None, description="Returned as it was sent.")
    source_id: Text | None = Field(None, max_length=255)

    def new(self) -> NewInboxMessage:
        """Return the message to post. Raise Refused for an unknown type."""
        attributes = self.content_attributes or {}
        require_small({"content_attributes": attributes}, "content_attributes")
        return NewInboxMessage(
            content=self.content,
            kind=choice_by_name(MessageKind, self.message_type, "message_type"),
            private=bool(self.private),
            content_type=choice(ContentType, self.content_type or "text", "content_type"),
            content_attributes=attributes,
            source_id=self.source_id,
            files=self.attachments or (),
        )


class MessageStatusBody(BaseModel):
    status: Text = Field(description="sent, delivered, read or failed.")
    external_error: Text | None = Field(None, max_length=MAX_ERROR, description="Why the message failed.")


class MessagesQuery(BaseModel):
    before: int | None = Field(None, ge=0, le=999_999_999, description="Older messages than this one: 20.")
    after: int | None = Field(None, ge=0, le=999_999_999, description="Newer messages than this one: at most 100.")


def operations(services: InboxServices) -> list[Operation]:
    """Return the operations of this resource."""

    @agent_operation("POST", PATH, InboxMessageAnswer, "Post a message to a conversation", body=InboxMessageBody)
    async def create_message(call: Call[Nothing, InboxMessageBody]) -> Reply:
        """Post a message, as JSON or, with files, as multipart data.

        An incoming message is the contact's. An outgoing one is sent to the webhook, unless it is private for the contact.
        """
        desk = await desk_of(services, call, bots=True)
        try:
            sent = await services.messages.create(desk, call.number("conversation_id"), call.body.new())
        except (NotFound, Refused, Unavailable, Invalid):
            raise
        except DomainError as error:
            raise Refused(f"Validation failed: {error}") from error
        return Reply(shaped(InboxMessageAnswer, Wire(call.origin).message(sent, call.body.echo_id)))

    @agent_operation("GET", PATH, MessageList, "Messages of a conversation", query=MessagesQuery)
    async def list_conversation_messages(call: Call[MessagesQuery, Nothing]) -> Reply:
        """Return the latest 20 messages in ascending order, or those before or after one, or at most 1,000 between two."""
        desk = await desk_of(services, call)
        query, number = call.query, call.number("conversation_id")
        view, sent = await services.messages.list(desk, number, query.before, query.after)
        wire = Wire(call.origin)
        return Reply(shaped(MessageList, {"meta": _meta(view), "payload": [wire.message(each) for each in sent]}))

    @agent_operation("PATCH", MESSAGE, InboxMessageAnswer, "Report the status of a message", body=MessageStatusBody)
    async def change_message_status(call: Call[Nothing, MessageStatusBody]) -> Reply:
        """Report whether the source has delivered a message, or why it failed. 403 for inboxes of another type."""
        desk = await desk_of(services, call)
        status = choice(MessageStatus, call.body.status, "status")
        number, message_id = call.number("conversation_id"), call.number("message_id")
        sent = await services.messages.set_status(desk, number, message_id, status, call.body.external_error)
        return Reply(shaped(InboxMessageAnswer, Wire(call.origin).message(sent)))

    @agent_operation("DELETE", MESSAGE, InboxMessageAnswer, "Delete a message of a conversation")
    async def delete_conversation_message(call: Call[Nothing, Nothing]) -> Reply:
        """Delete the content and the files of a message. The message remains, with `content_attributes.deleted`."""
        desk = await desk_of(services, call)
        sent = await services.messages.delete(desk, call.number("conversation_id"), call.number("message_id"))
        return Reply(shaped(InboxMessageAnswer, Wire(call.origin).message(sent)))

    return [create_message, list_conversation_messages, change_message_status, delete_conversation_message]


def _meta(view: ConversationView) -> Json:
    row = view.conversation
    return {
        "labels": [],
        "additional_attributes": dict(row.additional_attributes),
        "contact": contact_object(view.contact),
        "assignee": None if view.assignee is None else agent_sender(view.assignee),
        "agent_last_seen_at": seconds(row.agent_last_seen_at),
        "assignee_last_seen_at": seconds(row.assignee_last_seen_at),
    }
