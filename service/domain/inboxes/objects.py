"""People, inboxes and times of the contract as JSON. Conversations and messages: `wire.py`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from service.domain.inboxes.entities import (
    Account,
    Agent,
    Contact,
    ContactSession,
    Inbox,
)

Json = dict[str, Any]


def seconds(moment: datetime | None) -> int:
    """Return Unix seconds; 0 for none."""
    return 0 if moment is None else int(moment.timestamp())


def seconds_or_none(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())


def iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def contact_object(contact: Contact) -> Json:
    """Return a contact as in `meta.sender`."""
    return {
        "additional_attributes": dict(contact.additional_attributes),
        "availability_status": "offline",
        "email": contact.email,
        "id": contact.id,
        "name": contact.name,
        "phone_number": contact.phone_number,
        "blocked": contact.blocked,
        "identifier": contact.identifier,
        "thumbnail": contact.avatar_url or "",
        "custom_attributes": dict(contact.custom_attributes),
        "last_activity_at": seconds_or_none(contact.last_activity_at),
        "created_at": seconds(contact.created_at),
    }


def contact_sender(contact: Contact) -> Json:
    """Return a contact as the sender of a message."""
    return {
        "additional_attributes": dict(contact.additional_attributes),
        "custom_attributes": dict(contact.custom_attributes),
        "email": contact.email,
        "id": contact.id,
        "identifier": contact.identifier,
        "name": contact.name,
        "phone_number": contact.phone_number,
        "thumbnail": contact.avatar_url or "",
        "blocked": contact.blocked,
        "type": "contact",
    }


def agent_sender(agent: Agent) -> Json:
    """Return an agent as the sender of a message, or as an assignee."""
    picture = agent.avatar_url or ""
    if is_agent_bot(agent):
        return {"id": agent.id, "name": agent.name, "avatar_url": picture, "type": "agent_bot"}
    return {
        "id": agent.id,
        "name": agent.name,
        "available_name": agent.name,
        "avatar_url": picture,
        "type": "user",
        "availability_status": "offline",
        "thumbnail": picture,
    }


def is_agent_bot(agent: Agent) -> bool:
    """Return whether no person acts: the user is a bot, or the token is the organization's own."""
    return agent.is_bot or agent.user_id is None


def sender_object(sender: Contact | Agent | None) -> Json | None:
    if sender is None:
        return None
    return contact_sender(sender) if isinstance(sender, Contact) else agent_sender(sender)


def slim_inbox(inbox: Inbox) -> Json:
    """Return an inbox as in a contact, with the members of web widgets, which are null."""
    return {
        "id": inbox.id,
        "avatar_url": "",
        "channel_id": inbox.id,
        "name": inbox.name,
        "channel_type": inbox.channel_type,
        "provider": None,
        "website_url": None,
        "widget_color": None,
        "website_token": None,
        "enable_auto_assignment": False,
        "web_widget_script": None,
        "welcome_title": None,
        "welcome_tagline": None,
        "greeting_enabled": inbox.greeting_enabled,
        "greeting_message": inbox.greeting_message,
    }


def whole_inbox(inbox: Inbox) -> Json:
    """Return an inbox with all its columns, as in `contact_inbox`."""
    return {
        **slim_inbox(inbox),
        "account_id": inbox.account_id,
        "created_at": iso(inbox.created_at),
        "updated_at": iso(inbox.updated_at),
        "email_address": None,
        "working_hours_enabled": False,
        "out_of_office_message": None,
        "timezone": inbox.timezone,
        "enable_email_collect": False,
        "csat_survey_enabled": False,
        "allow_messages_after_resolved": inbox.allow_messages_after_resolved,
        "auto_assignment_config": {},
        "lock_to_single_conversation": inbox.lock_to_single_conversation,
        "portal_id": None,
        "sender_name_type": "friendly",
        "business_name": None,
    }


def contact_inboxes(sessions: Iterable[tuple[ContactSession, Inbox]]) -> list[Json]:
    return [{"source_id": session.source_id, "inbox": slim_inbox(inbox)} for session, inbox in sessions]


def account_object(account: Account) -> Json:
    return {"id": account.id, "name": account.name}


def pushed_sender(sender: Contact | Agent | None, account: Account) -> Json | None:
    """Return the sender of a message, or the user of a typing event, in a webhook."""
    if sender is None:
        return None
    if isinstance(sender, Contact):
        return {"account": account_object(account), "avatar": sender.avatar_url or "", **contact_sender(sender)}
    if is_agent_bot(sender):
        return {"id": sender.id, "name": sender.name, "type": "agent_bot"}
    return {"id": sender.id, "name": sender.name, "email": sender.email, "type": "user"}


def changes_object(changes: Sequence[tuple[str, Any, Any]]) -> list[Json]:
    """Return `changed_attributes` from names with their previous and current values."""
    return [{name: {"previous_value": before, "current_value": after}} for name, before, after in changes]
