"""The tables of the API channel. Its contract has integer ids; a conversation's number counts within its account."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint, Uuid

from service.store.tables import UtcDateTime, channels, metadata, organizations, users


def _numbered(name: str, *columns: Column[object] | UniqueConstraint | Index) -> Table:
    """Return a table with an integer key. SQLite does not use the key of a deleted row again."""
    return Table(name, metadata, Column("id", Integer, primary_key=True), *columns, sqlite_autoincrement=True)


inbox_accounts = _numbered(
    "inbox_accounts",
    Column("organization_id", ForeignKey(organizations.c.id), nullable=False, unique=True),
    Column("conversation_count", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

inbox_agents = _numbered(
    "inbox_agents",
    Column("account_id", ForeignKey(inbox_accounts.c.id), nullable=False, index=True),
    Column("user_id", ForeignKey(users.c.id), unique=True),  # NULL: the organization itself
)

inboxes = _numbered(
    "inboxes",
    Column("account_id", ForeignKey(inbox_accounts.c.id), nullable=False, index=True),
    Column("name", String(255), nullable=False),
    Column("channel_type", String(64), nullable=False),
    Column("identifier", String(64), nullable=False, unique=True),
    Column("hmac_token", String(64), nullable=False),
    Column("hmac_mandatory", Boolean, nullable=False),
    Column("webhook_url", String(2048)),
    Column("webhook_secret", String(64), nullable=False),
    Column("webhook_attempts", Integer, nullable=False),
    Column("greeting_enabled", Boolean, nullable=False),
    Column("greeting_message", Text),
    Column("allow_messages_after_resolved", Boolean, nullable=False),
    Column("lock_to_single_conversation", Boolean, nullable=False),
    Column("timezone", String(64), nullable=False),
    Column("additional_attributes", JSON, nullable=False),
    Column("channel_id", ForeignKey(channels.c.id), index=True),  # in whose room the messages appear
    Column("room_user_id", ForeignKey(users.c.id)),  # as whom
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

inbox_contacts = _numbered(
    "inbox_contacts",
    Column("account_id", ForeignKey(inbox_accounts.c.id), nullable=False),
    Column("name", String(255)),
    Column("email", String(255)),
    Column("phone_number", String(255)),
    Column("identifier", String(255)),
    Column("avatar_url", String(2048)),
    Column("blocked", Boolean, nullable=False),
    Column("additional_attributes", JSON, nullable=False),
    Column("custom_attributes", JSON, nullable=False),
    Column("last_activity_at", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    UniqueConstraint("account_id", "email", name="uq_inbox_contacts_email"),
    UniqueConstraint("account_id", "phone_number", name="uq_inbox_contacts_phone_number"),
    UniqueConstraint("account_id", "identifier", name="uq_inbox_contacts_identifier"),
)

inbox_sessions = _numbered(
    "inbox_sessions",
    Column("contact_id", ForeignKey(inbox_contacts.c.id), nullable=False, index=True),
    Column("inbox_id", ForeignKey(inboxes.c.id), nullable=False),
    Column("source_id", String(255), nullable=False),
    Column("hmac_verified", Boolean, nullable=False),
    Column("pubsub_token", String(64), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    UniqueConstraint("inbox_id", "source_id"),
    Index(None, "source_id"),
)

inbox_conversations = _numbered(
    "inbox_conversations",
    Column("account_id", ForeignKey(inbox_accounts.c.id), nullable=False),
    Column("number", Integer, nullable=False),
    Column("uuid", Uuid, nullable=False, unique=True),
    Column("inbox_id", ForeignKey(inboxes.c.id), nullable=False),
    Column("contact_id", ForeignKey(inbox_contacts.c.id), nullable=False, index=True),
    Column("session_id", ForeignKey(inbox_sessions.c.id), nullable=False, index=True),
    Column("status", String(16), nullable=False),
    Column("assignee_id", ForeignKey(inbox_agents.c.id)),
    Column("snoozed_until", UtcDateTime),
    Column("additional_attributes", JSON, nullable=False),
    Column("custom_attributes", JSON, nullable=False),
    Column("agent_last_seen_at", UtcDateTime),
    Column("assignee_last_seen_at", UtcDateTime),
    Column("contact_last_seen_at", UtcDateTime),
    Column("first_reply_created_at", UtcDateTime),
    Column("waiting_since", UtcDateTime),
    Column("last_activity_at", UtcDateTime, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    UniqueConstraint("account_id", "number"),
    Index(None, "account_id", "last_activity_at", "id"),
)

inbox_messages = _numbered(
    "inbox_messages",
    Column("account_id", ForeignKey(inbox_accounts.c.id), nullable=False),
    Column("inbox_id", ForeignKey(inboxes.c.id), nullable=False),
    Column("conversation_id", ForeignKey(inbox_conversations.c.id), nullable=False),
    Column("kind", Integer, nullable=False),
    Column("content", Text),
    Column("content_type", String(16), nullable=False),
    Column("content_attributes", JSON, nullable=False),
    Column("private", Boolean, nullable=False),
    Column("status", String(16), nullable=False),
    Column("source_id", String(255)),
    Column("sender_kind", String(16)),
    Column("sender_id", Integer),
    Column("room_message_id", Uuid),  # the message of the bound channel's room
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Index(None, "conversation_id", "id"),
    Index(None, "inbox_id", "room_message_id"),
)

inbox_attachments = _numbered(
    "inbox_attachments",
    Column("token", String(64), nullable=False, unique=True),
    Column("account_id", ForeignKey(inbox_accounts.c.id), nullable=False),
    Column("message_id", ForeignKey(inbox_messages.c.id), index=True),  # NULL: the picture of a contact
    Column("file_type", String(16), nullable=False),
    Column("name", String(255), nullable=False),
    Column("content_type", String(128), nullable=False),
    Column("size", Integer, nullable=False),
    Column("width", Integer),
    Column("height", Integer),
    Column("created_at", UtcDateTime, nullable=False),
)

inbox_deliveries = _numbered(
    "inbox_deliveries",
    Column("inbox_id", ForeignKey(inboxes.c.id), nullable=False),
    Column("conversation_id", Integer),
    Column("message_id", Integer),
    Column("event", String(64), nullable=False),
    Column("body", Text, nullable=False),  # JSON as it is sent
    Column("attempts", Integer, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    Column("claimed_until", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    Index(None, "due_at", "id"),
    Index(None, "conversation_id", "id"),
)
"""Events that wait for a webhook. A row is deleted when its event is delivered, or given up."""
