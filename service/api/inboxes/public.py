"""The public client API: for the apps of contacts, without a token and from any origin."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from service.api.inboxes.contract import PUBLIC
from service.api.inboxes.declare import public_operation
from service.api.inboxes.fields import Attributes, Files, Text
from service.api.inboxes.public_schemas import (
    ChangedPublicContact,
    PublicContact,
    PublicConversationAnswer,
    PublicConversationList,
    PublicInbox,
    PublicMessage,
    PublicMessageList,
)
from service.api.inboxes.schemas import shaped
from service.api.inboxes.services import InboxServices
from service.domain.inboxes.entities import Contact, ContactSession, Inbox
from service.domain.inboxes.objects import Json, contact_object, iso, seconds
from service.domain.inboxes.public import Proof, PublicConversation
from service.domain.inboxes.wire import Wire
from service.http.fields import TEXT_PATTERN, HttpUrl
from service.http.operation import Call, Nothing, Operation, Reply

CONTACT = PUBLIC + "/contacts/{contact_identifier}"
CONVERSATIONS = CONTACT + "/conversations"
CONVERSATION = CONVERSATIONS + "/{conversation_id}"
MESSAGES = CONVERSATION + "/messages"

MAX_SUBMITTED = 50


class PublicContactValues(BaseModel):
    identifier: Text | None = Field(None, description="The contact's id in your system.")
    identifier_hash: Text | None = Field(
        None, description="Proves the identity: the HMAC-SHA256 of `identifier` with the inbox's `hmac_token`, in hex."
    )
    name: Text | None = None
    email: Text | None = None
    phone_number: Text | None = None
    avatar_url: HttpUrl | None = None
    custom_attributes: Attributes | None = None

    def values(self) -> dict[str, Any]:
        """Return the stored fields that were sent."""
        sent = self.model_dump(exclude_unset=True, exclude={"identifier", "identifier_hash", "source_id"})
        return {name: value for name, value in sent.items() if value is not None}

    def proof(self) -> Proof:
        return Proof(self.identifier, self.identifier_hash)


class PublicContactBody(PublicContactValues):
    """The contact of an app. A known `source_id` returns its session; other values find an existing contact."""

    source_id: Text | None = None


class PublicContactEdit(PublicContactValues):
    """Values to change."""


class PublicConversationBody(BaseModel):
    custom_attributes: Attributes | None = None


class PublicTypingBody(BaseModel):
    typing_status: Literal["on", "off"]


class PublicMessageBody(BaseModel):
    content: Text | None = None
    echo_id: Text | None = None
    attachments: Files | None = None


class SubmittedBody(BaseModel):
    submitted_values: list[Attributes] = Field(max_length=MAX_SUBMITTED)


class ProofQuery(BaseModel):
    identifier: str | None = Field(None, pattern=TEXT_PATTERN)
    identifier_hash: str | None = Field(None, pattern=TEXT_PATTERN)


class BeforeQuery(BaseModel):
    before: int | None = Field(None, ge=0, le=999_999_999, description="Older messages than this one.")


def operations(services: InboxServices) -> list[Operation]:
    """Return the operations of the public client API."""
    return [*_contacts(services), *_conversations(services), *_notices(services), *_messages(services)]


def _contacts(services: InboxServices) -> list[Operation]:
    @public_operation(services, "GET", PUBLIC, PublicInbox, "The inbox of an app")
    async def get_public_inbox(call: Call[Nothing, Nothing]) -> Reply:
        """Return what an app shows of the inbox."""
        inbox = await services.public.inbox(call.text("inbox_identifier"))
        return Reply(_inbox(inbox))

    @public_operation(
        services,
        "POST",
        PUBLIC + "/contacts",
        PublicContact,
        "Create or find the contact of an app",
        body=PublicContactBody,
    )
    async def create_public_contact(call: Call[Nothing, PublicContactBody]) -> Reply:
        """Return a session. Its `source_id` is the app's only credential: keep it secret."""
        body = call.body
        found = await services.public.open_contact(
            call.text("inbox_identifier"), body.source_id or None, body.values(), body.proof()
        )
        return Reply(shaped(PublicContact, _contact(*found)))

    @public_operation(services, "GET", CONTACT, PublicContact, "Retrieve the contact of an app", query=ProofQuery)
    async def get_public_contact(call: Call[ProofQuery, Nothing]) -> Reply:
        """Return the contact of a session."""
        proof = Proof(call.query.identifier, call.query.identifier_hash)
        return Reply(shaped(PublicContact, _contact(*await services.public.contact(*_where(call), proof))))

    @public_operation(
        services, "PATCH", CONTACT, ChangedPublicContact, "Change the contact of an app", body=PublicContactEdit
    )
    async def change_public_contact(call: Call[Nothing, PublicContactEdit]) -> Reply:
        """Change the values that are sent. A valid `identifier_hash` marks the session as verified."""
        session, contact = await services.public.change_contact(*_where(call), call.body.values(), call.body.proof())
        row = {
            **contact_object(contact),
            "account_id": contact.account_id,
            "created_at": iso(contact.created_at),
            "updated_at": iso(contact.updated_at),
        }
        return Reply(shaped(ChangedPublicContact, {**row, **_contact(session, contact)}))

    return [get_public_inbox, create_public_contact, get_public_contact, change_public_contact]


def _conversations(services: InboxServices) -> list[Operation]:
    @public_operation(
        services, "POST", CONVERSATIONS, PublicConversationAnswer, "Begin a conversation", body=PublicConversationBody
    )
    async def create_public_conversation(call: Call[Nothing, PublicConversationBody]) -> Reply:
        """Create a conversation of the session."""
        begun = await services.public.begin(*_where(call), call.body.custom_attributes or {})
        return Reply(shaped(PublicConversationAnswer, _conversation(call, begun)))

    @public_operation(services, "GET", CONVERSATIONS, PublicConversationList, "Conversations of the app's contact")
    async def list_public_conversations(call: Call[Nothing, Nothing]) -> Reply:
        """Return the conversations of the session. A verified session sees all conversations of its contact."""
        found = await services.public.conversations(*_where(call))
        return Reply(shaped(PublicConversationList, [_conversation(call, each) for each in found]))

    @public_operation(
        services, "GET", CONVERSATION, PublicConversationAnswer, "Retrieve a conversation of the app's contact"
    )
    async def get_public_conversation(call: Call[Nothing, Nothing]) -> Reply:
        """Return a conversation with its latest messages."""
        found = await services.public.conversation(*_where(call), call.number("conversation_id"))
        return Reply(shaped(PublicConversationAnswer, _conversation(call, found)))

    @public_operation(
        services, "POST", CONVERSATION + "/toggle_status", PublicConversationAnswer, "Resolve a conversation"
    )
    async def resolve_public_conversation(call: Call[Nothing, Nothing]) -> Reply:
        """Resolve the conversation. It is never opened again like this: a message does that."""
        found = await services.public.resolve(*_where(call), call.number("conversation_id"))
        return Reply(shaped(PublicConversationAnswer, _conversation(call, found)))

    return [create_public_conversation, list_public_conversations, get_public_conversation, resolve_public_conversation]


def _notices(services: InboxServices) -> list[Operation]:
    @public_operation(
        services, "POST", CONVERSATION + "/toggle_typing", None, "Show that the contact types", body=PublicTypingBody
    )
    async def toggle_public_typing(call: Call[Nothing, PublicTypingBody]) -> Reply:
        """Send the webhook event conversation_typing_on or conversation_typing_off."""
        await services.public.typing(*_where(call), call.number("conversation_id"), on=call.body.typing_status == "on")
        return Reply(None)

    @public_operation(
        services, "POST", CONVERSATION + "/update_last_seen", None, "Note that the contact has read a conversation"
    )
    async def update_public_last_seen(call: Call[Nothing, Nothing]) -> Reply:
        """Set `contact_last_seen_at`."""
        await services.public.seen(*_where(call), call.number("conversation_id"))
        return Reply(None)

    return [toggle_public_typing, update_public_last_seen]


def _messages(services: InboxServices) -> list[Operation]:
    @public_operation(
        services, "POST", MESSAGES, PublicMessage, "Send a message of the contact", body=PublicMessageBody
    )
    async def create_public_message(call: Call[Nothing, PublicMessageBody]) -> Reply:
        """Post a message, which is always incoming."""
        body = call.body
        sent = await services.public.send(
            *_where(call), call.number("conversation_id"), body.content, body.attachments or ()
        )
        return Reply(shaped(PublicMessage, Wire(call.origin).message(sent, body.echo_id)))

    @public_operation(
        services, "GET", MESSAGES, PublicMessageList, "Messages that the contact may see", query=BeforeQuery
    )
    async def list_public_messages(call: Call[BeforeQuery, Nothing]) -> Reply:
        """Return the latest 20 messages in ascending order, without private ones."""
        sent = await services.public.messages(*_where(call), call.number("conversation_id"), call.query.before)
        wire = Wire(call.origin)
        return Reply(shaped(PublicMessageList, [wire.message(each) for each in sent]))

    @public_operation(
        services,
        "PATCH",
        MESSAGES + "/{message_id}",
        PublicMessage,
        "Submit the values of a form or selection",
        body=SubmittedBody,
    )
    async def submit_public_message(call: Call[Nothing, SubmittedBody]) -> Reply:
        """Store the values that the contact has submitted. A survey that is older than 14 days is refused."""
        number, message_id = call.number("conversation_id"), call.number("message_id")
        sent = await services.public.submit(*_where(call), number, message_id, call.body.submitted_values)
        return Reply(shaped(PublicMessage, Wire(call.origin).message(sent)))

    return [create_public_message, list_public_messages, submit_public_message]


def _where(call: Call[Any, Any]) -> tuple[str, str]:
    return call.text("inbox_identifier"), call.text("contact_identifier")


def _inbox(inbox: Inbox) -> PublicInbox:
    return PublicInbox(
        identifier=inbox.identifier,
        identity_validation_enabled=inbox.hmac_mandatory,
        name=inbox.name,
        timezone=inbox.timezone,
        working_hours=[],
        working_hours_enabled=False,
        csat_survey_enabled=False,
        greeting_enabled=inbox.greeting_enabled,
        greeting_message=inbox.greeting_message,
    )


def _contact(session: ContactSession, contact: Contact) -> Json:
    return {
        "source_id": session.source_id,
        "pubsub_token": session.pubsub_token,
        "id": contact.id,
        "name": contact.name,
        "email": contact.email,
        "phone_number": contact.phone_number,
    }


def _conversation(call: Call[Any, Any], shown: PublicConversation) -> Json:
    row, wire = shown.conversation, Wire(call.origin)
    return {
        "id": row.number,
        "uuid": str(row.uuid),
        "inbox_id": row.inbox_id,
        "contact_last_seen_at": seconds(row.contact_last_seen_at),
        "status": row.status.value,
        "agent_last_seen_at": seconds(row.agent_last_seen_at),
        "messages": [wire.message(each) for each in shown.messages],
        "contact": contact_object(shown.contact),
    }
