"""Contacts of an account."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field
from pydantic.json_schema import SkipJsonSchema

from service.api.inboxes.contract import ACCOUNT
from service.api.inboxes.declare import agent_operation, desk_of
from service.api.inboxes.fields import Attributes, Boolean, Number, Picture, Text
from service.api.inboxes.schemas import (
    ContactInbox,
    ContactPayload,
    ContactSearch,
    ConversationPayload,
    CreatedContact,
    shaped,
)
from service.api.inboxes.services import InboxServices
from service.domain.inboxes.access import Desk
from service.domain.inboxes.contacts import ContactView
from service.domain.inboxes.objects import Json, contact_inboxes, contact_object, slim_inbox, whole_inbox
from service.domain.inboxes.wire import Wire
from service.http.fields import TEXT_PATTERN, HttpUrl
from service.http.operation import Call, Nothing, Operation, Reply
from service.http.schemas import without_defaults

PATH = ACCOUNT + "/contacts"
CONTACT = PATH + "/{contact_id}"


class ContactValues(BaseModel):
    """Values of a contact. Names, email addresses, phone numbers and identifiers have 255 characters at most.

    A multipart body may have a picture, as the part `avatar`.
    """

    name: Text | None = None
    email: Text | None = None
    phone_number: Text | None = Field(None, description="In E.164: a plus sign and at most 15 digits.")
    identifier: Text | None = Field(None, description="The contact's id in your system.")
    avatar: SkipJsonSchema[Picture | None] = None
    avatar_url: HttpUrl | None = None
    blocked: Boolean | None = None
    additional_attributes: Attributes | None = None
    custom_attributes: Attributes | None = None

    def values(self) -> dict[str, Any]:
        """Return the stored fields that were sent."""
        sent = self.model_dump(exclude_unset=True, include=set(_STORED))
        never_null = ("blocked", "additional_attributes", "custom_attributes")
        return {name: value for name, value in sent.items() if value is not None or name not in never_null}


_STORED = (
    "name",
    "email",
    "phone_number",
    "identifier",
    "avatar_url",
    "blocked",
    "additional_attributes",
    "custom_attributes",
)


class ContactBody(ContactValues):
    """A new contact, with a session in the inbox if `inbox_id` is sent."""

    inbox_id: Number | None = None
    source_id: Text | None = Field(None, description="The id of the session. A random one if it is not sent.")


class ContactEdit(ContactValues):
    """Attributes are merged with those that the contact has."""

    model_config = {"json_schema_extra": without_defaults}


class ContactSessionBody(BaseModel):
    inbox_id: Number
    source_id: Text | None = None


class ContactSearchQuery(BaseModel):
    q: str = Field(..., pattern=TEXT_PATTERN, description="Part of a name, email address, phone number or identifier.")
    page: int = Field(1, ge=1, le=100_000)


class ContactsQuery(BaseModel):
    page: int = Field(1, ge=1, le=100_000)


def operations(services: InboxServices) -> list[Operation]:
    """Return the operations of this resource."""
    return [*_all_contacts(services), *_one_contact(services), *_belongings(services)]


def _all_contacts(services: InboxServices) -> list[Operation]:
    @agent_operation("POST", PATH, CreatedContact, "Create a contact", body=ContactBody)
    async def create_contact(call: Call[Nothing, ContactBody]) -> Reply:
        """Create a contact and its session in an inbox. Use the `source_id` of the session to create conversations."""
        desk = await desk_of(services, call)
        values = await _values_of(services, call, desk)
        view, session = await services.contacts.create(desk, values, call.body.inbox_id, call.body.source_id)
        contact = contact_json(view)
        created: Json = {"source_id": None, "inbox": None}
        if session is not None:
            created = {"source_id": session[0].source_id, "inbox": whole_inbox(session[1])}
        return Reply(shaped(CreatedContact, {**contact, "payload": {"contact": contact, "contact_inbox": created}}))

    @agent_operation("GET", PATH + "/search", ContactSearch, "Search contacts", query=ContactSearchQuery)
    async def search_contacts(call: Call[ContactSearchQuery, Nothing]) -> Reply:
        """Return the contacts that contain the text, in any case of ASCII letters."""
        desk = await desk_of(services, call)
        return Reply(await _page(desk, call.query.q, call.query.page))

    @agent_operation("GET", PATH, ContactSearch, "Contacts of the account", query=ContactsQuery)
    async def list_contacts(call: Call[ContactsQuery, Nothing]) -> Reply:
        """Return a page of all contacts."""
        desk = await desk_of(services, call)
        return Reply(await _page(desk, "", call.query.page))

    async def _page(desk: Desk, text: str, page: int) -> BaseModel:
        found, count = await services.contacts.search(desk, text, page)
        listed = {"meta": {"count": count, "current_page": page}, "payload": [contact_json(each) for each in found]}
        return shaped(ContactSearch, listed)

    return [create_contact, search_contacts, list_contacts]


def _one_contact(services: InboxServices) -> list[Operation]:
    @agent_operation("GET", CONTACT, ContactPayload, "Retrieve a contact")
    async def get_contact(call: Call[Nothing, Nothing]) -> Reply:
        """Return a contact with its sessions."""
        desk = await desk_of(services, call)
        view = await services.contacts.get(desk, call.number("contact_id"))
        return Reply(shaped(ContactPayload, {"payload": contact_json(view)}))

    async def change(call: Call[Nothing, ContactEdit]) -> Reply:
        desk = await desk_of(services, call)
        view = await services.contacts.change(desk, call.number("contact_id"), await _values_of(services, call, desk))
        return Reply(shaped(ContactPayload, {"payload": contact_json(view)}))

    @agent_operation("PATCH", CONTACT, ContactPayload, "Change a contact", body=ContactEdit)
    async def change_contact(call: Call[Nothing, ContactEdit]) -> Reply:
        """Change the members that are sent."""
        return await change(call)

    @agent_operation("PUT", CONTACT, ContactPayload, "Change a contact, as with PATCH", body=ContactEdit)
    async def put_contact(call: Call[Nothing, ContactEdit]) -> Reply:
        """Change the members that are sent. It is the same as PATCH: clients use either."""
        return await change(call)

    return [get_contact, change_contact, put_contact]


def _belongings(services: InboxServices) -> list[Operation]:
    @agent_operation(
        "POST", CONTACT + "/contact_inboxes", ContactInbox, "Create a session of a contact", body=ContactSessionBody
    )
    async def create_contact_inbox(call: Call[Nothing, ContactSessionBody]) -> Reply:
        """Create a further session. Clients use it when a contact exists already."""
        desk = await desk_of(services, call)
        body, contact_id = call.body, call.number("contact_id")
        session, inbox = await services.contacts.add_session(desk, contact_id, body.inbox_id, body.source_id)
        return Reply(shaped(ContactInbox, {"source_id": session.source_id, "inbox": slim_inbox(inbox)}))

    @agent_operation("GET", CONTACT + "/conversations", ConversationPayload, "Conversations of a contact")
    async def list_contact_conversations(call: Call[Nothing, Nothing]) -> Reply:
        """Return the contact's latest conversations."""
        desk = await desk_of(services, call)
        found = await services.conversations.list(desk, contact_id=call.number("contact_id"))
        wire = Wire(call.origin)
        return Reply(shaped(ConversationPayload, {"payload": [wire.conversation(each) for each in found]}))

    return [create_contact_inbox, list_contact_conversations]


async def _values_of(services: InboxServices, call: Call[Any, Any], desk: Desk) -> dict[str, Any]:
    """Return the values of the body. An uploaded picture becomes an address."""
    values: dict[str, Any] = call.body.values()
    if call.body.avatar is not None:
        token = await services.pictures.keep(desk.account_id, call.body.avatar)
        values["avatar_url"] = Wire(call.origin).file_url(token)
    return values


def contact_json(view: ContactView) -> Json:
    """Return a contact with its sessions."""
    return {**contact_object(view.contact), "contact_inboxes": contact_inboxes(view.sessions)}
