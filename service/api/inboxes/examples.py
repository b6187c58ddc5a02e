"""Examples of the API channel for the OpenAPI document: one question from a contact and its answer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from service.api.inboxes import (
    contacts,
    conversations,
    inbox_schemas,
    inboxes,
    messages,
    public,
    public_schemas,
    schemas,
)
from service.domain.inboxes.entities import (
    API_CHANNEL,
    Account,
    Contact,
    ContactSession,
    ContentType,
    Conversation,
    ConversationStatus,
    ConversationView,
    Inbox,
    InboxMessage,
    MessageKind,
    MessageStatus,
    SenderKind,
    SentMessage,
)
from service.domain.inboxes.objects import contact_inboxes, contact_object, slim_inbox, whole_inbox
from service.domain.inboxes.wire import Wire

_HOST = "https://live.example.com"
_AT = datetime(2026, 11, 28, 14, 5, 12, tzinfo=UTC)
_SOURCE = "0b6f8d54-1f0e-4a7e-9d59-0c5c2a9f1d11"
_IDENTIFIER = "x3k9vGm2Qq7ZbT5yL0aWnR8d"
_PROOF = "9d0f5c8b7a6e1d2c3b4a59687716253443526170f1e2d3c4b5a69788796a5b4c"

_INBOX = Inbox(
    id=3, account_id=1, name="WhatsApp", channel_type=API_CHANNEL, identifier=_IDENTIFIER,
    hmac_token="an-example-and-no-secret", hmac_mandatory=False,  # noqa: S106
    webhook_url="https://bridge.example.com/live", webhook_secret="an-example-and-no-secret",  # noqa: S106
    webhook_attempts=1, greeting_enabled=False, greeting_message=None, allow_messages_after_resolved=True,
    lock_to_single_conversation=False, timezone="UTC", additional_attributes={}, channel_id=None, room_user_id=None,
    created_at=_AT, updated_at=_AT,
)  # fmt: skip
_CONTACT = Contact(
    id=12, account_id=1, name="Pranav", email="pranav@example.com", phone_number="+358401234567", identifier="user-7",
    avatar_url=None, blocked=False, additional_attributes={}, custom_attributes={"plan": "gold"}, last_activity_at=_AT,
    created_at=_AT, updated_at=_AT,
)  # fmt: skip
_SESSION = ContactSession(21, 12, 3, _SOURCE, False, "an-example-and-no-secret", _AT, _AT)
_CONVERSATION = Conversation(
    id=31, account_id=1, number=1, uuid=UUID("5d1f2c60-2f0b-4f3e-8a47-51b6f7f1c9a2"), inbox_id=3, contact_id=12,
    session_id=21, status=ConversationStatus.OPEN, assignee_id=None, snoozed_until=None, additional_attributes={},
    custom_attributes={"topic": "keynote"}, agent_last_seen_at=None, assignee_last_seen_at=None,
    contact_last_seen_at=None, first_reply_created_at=None, waiting_since=_AT, last_activity_at=_AT, created_at=_AT,
    updated_at=_AT,
)  # fmt: skip
_MESSAGE = InboxMessage(
    id=55, account_id=1, inbox_id=3, conversation_id=31, kind=MessageKind.INCOMING, content="When does it start?",
    content_type=ContentType.TEXT, content_attributes={}, private=False, status=MessageStatus.SENT, source_id=None,
    sender_kind=SenderKind.CONTACT, sender_id=12, room_message_id=None, created_at=_AT, updated_at=_AT,
)  # fmt: skip

_WIRE = Wire(_HOST)
_SENT = SentMessage(_MESSAGE, 1, _CONTACT)
_VIEW = ConversationView(
    _CONVERSATION, Account(1, UUID(int=1), "Acme", 1, _AT), _INBOX, _CONTACT, _SESSION, None, _SENT, 1
)

_CONTACT_ANSWER = {**contact_object(_CONTACT), "contact_inboxes": contact_inboxes([(_SESSION, _INBOX)])}
_CREATED = {"contact": _CONTACT_ANSWER, "contact_inbox": {"source_id": _SOURCE, "inbox": whole_inbox(_INBOX)}}
_PUBLIC_CONTACT = {
    "source_id": _SOURCE,
    "pubsub_token": "an-example-and-no-secret",
    "id": 12,
    "name": "Pranav",
    "email": "pranav@example.com",
    "phone_number": "+358401234567",
}
_PUBLIC_MESSAGE = _WIRE.message(_SENT)
_PUBLIC_CONVERSATION = {
    "id": 1,
    "uuid": str(_CONVERSATION.uuid),
    "inbox_id": 3,
    "contact_last_seen_at": 0,
    "status": "open",
    "agent_last_seen_at": 0,
    "messages": [_PUBLIC_MESSAGE],
    "contact": contact_object(_CONTACT),
}
_CONVERSATION_ANSWER = _WIRE.conversation(_VIEW)


def _of(model: type[BaseModel], value: Any) -> Any:
    """Return the example as it is sent."""
    return model.model_validate(value).model_dump(mode="json")


_BODIES: Mapping[type[BaseModel], Any] = {
    inboxes.InboxBody: {
        "name": "WhatsApp",
        "channel": {"type": "api", "webhook_url": "https://bridge.example.com/live"},
    },
    inboxes.InboxEdit: {"webhook_url": "https://bridge.example.com/live", "webhook_attempts": 3},
    contacts.ContactBody: {"inbox_id": 3, "name": "Pranav", "email": "pranav@example.com", "identifier": "user-7"},
    contacts.ContactEdit: {"custom_attributes": {"plan": "gold"}},
    contacts.ContactSessionBody: {"inbox_id": 3},
    conversations.ConversationBody: {"source_id": _SOURCE, "custom_attributes": {"topic": "keynote"}},
    conversations.StatusBody: {"status": "resolved"},
    conversations.TypingBody: {"typing_status": "on"},
    conversations.AttributesBody: {"custom_attributes": {"topic": "keynote"}},
    messages.InboxMessageBody: {"content": "When does it start?", "message_type": "incoming"},
    messages.MessageStatusBody: {"status": "delivered"},
    public.PublicContactBody: {"identifier": "user-7", "identifier_hash": _PROOF, "name": "Pranav"},
    public.PublicContactEdit: {"name": "Pranav"},
    public.PublicConversationBody: {"custom_attributes": {"topic": "keynote"}},
    public.PublicTypingBody: {"typing_status": "on"},
    public.PublicMessageBody: {"content": "When does it start?"},
    public.SubmittedBody: {"submitted_values": [{"title": "Yes", "value": "yes"}]},
}

_ANSWERS: Mapping[type[BaseModel], Any] = {
    inbox_schemas.ProfileAnswer: {
        "access_token": "an-example-and-no-secret",
        "account_id": 1,
        "accounts": [{"id": 1, "name": "Acme", "role": "administrator"}],
        "id": 4,
        "name": "Ada Lovelace",
        "available_name": "Ada Lovelace",
        "display_name": "Ada Lovelace",
        "email": "ada@example.com",
        "avatar_url": "",
        "role": "administrator",
        "type": None,
    },
    inbox_schemas.InboxAnswer: inboxes.inbox_answer(_INBOX).model_dump(mode="json"),
    inbox_schemas.InboxList: {"payload": [inboxes.inbox_answer(_INBOX).model_dump(mode="json")]},
    schemas.CreatedContact: {**_CONTACT_ANSWER, "payload": _CREATED},
    schemas.ContactPayload: {"payload": _CONTACT_ANSWER},
    schemas.ContactSearch: {"meta": {"count": 1, "current_page": 1}, "payload": [_CONTACT_ANSWER]},
    schemas.ContactInbox: {"source_id": _SOURCE, "inbox": slim_inbox(_INBOX)},
    schemas.ConversationAnswer: _CONVERSATION_ANSWER,
    schemas.ConversationPayload: {"payload": [_CONVERSATION_ANSWER]},
    schemas.ConversationList: {
        "data": {
            "meta": {"mine_count": 0, "assigned_count": 0, "unassigned_count": 1, "all_count": 1},
            "payload": [_CONVERSATION_ANSWER],
        }
    },
    schemas.StatusChanged: {
        "meta": {},
        "payload": {"success": True, "conversation_id": 1, "current_status": "resolved", "snoozed_until": None},
    },
    schemas.CustomAttributes: {"custom_attributes": {"topic": "keynote"}},
    schemas.InboxMessageAnswer: _PUBLIC_MESSAGE,
    schemas.MessageList: {
        "meta": {
            "labels": [],
            "additional_attributes": {},
            "contact": contact_object(_CONTACT),
            "agent_last_seen_at": 0,
            "assignee_last_seen_at": 0,
        },
        "payload": [_PUBLIC_MESSAGE],
    },
    public_schemas.PublicInbox: {
        "identifier": _IDENTIFIER,
        "identity_validation_enabled": False,
        "name": "WhatsApp",
        "timezone": "UTC",
        "working_hours": [],
        "working_hours_enabled": False,
        "csat_survey_enabled": False,
        "greeting_enabled": False,
        "greeting_message": None,
    },
    public_schemas.PublicContact: _PUBLIC_CONTACT,
    public_schemas.ChangedPublicContact: {
        **contact_object(_CONTACT),
        **_PUBLIC_CONTACT,
        "account_id": 1,
        "created_at": "2026-11-28T14:05:12.000Z",
        "updated_at": "2026-11-28T14:05:12.000Z",
    },
    public_schemas.PublicConversationAnswer: _PUBLIC_CONVERSATION,
    public_schemas.PublicConversationList: [_PUBLIC_CONVERSATION],
    public_schemas.PublicMessage: _PUBLIC_MESSAGE,
    public_schemas.PublicMessageList: [_PUBLIC_MESSAGE],
}

INBOX_EXAMPLES: Mapping[type[BaseModel], Any] = {
    **_BODIES,
    **{model: _of(model, value) for model, value in _ANSWERS.items()},
}
"""By model: of every request body and every answer."""
