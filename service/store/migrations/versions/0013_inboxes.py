"""The API channel: accounts, inboxes, contacts, conversations, messages, files and deliveries to webhooks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from service.store import tables

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "inbox_accounts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("conversation_count", sa.Integer(), nullable=False),
        sa.Column("created_at", tables.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_inbox_accounts_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbox_accounts")),
        sa.UniqueConstraint("organization_id", name=op.f("uq_inbox_accounts_organization_id")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "inbox_agents",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["inbox_accounts.id"], name=op.f("fk_inbox_agents_account_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_inbox_agents_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbox_agents")),
        sa.UniqueConstraint("user_id", name=op.f("uq_inbox_agents_user_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_inbox_agents_account_id"), "inbox_agents", ["account_id"], unique=False)
    op.create_table(
        "inboxes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("channel_type", sa.String(length=64), nullable=False),
        sa.Column("identifier", sa.String(length=64), nullable=False),
        sa.Column("hmac_token", sa.String(length=64), nullable=False),
        sa.Column("hmac_mandatory", sa.Boolean(), nullable=False),
        sa.Column("webhook_url", sa.String(length=2048), nullable=True),
        sa.Column("webhook_secret", sa.String(length=64), nullable=False),
        sa.Column("webhook_attempts", sa.Integer(), nullable=False),
        sa.Column("greeting_enabled", sa.Boolean(), nullable=False),
        sa.Column("greeting_message", sa.Text(), nullable=True),
        sa.Column("allow_messages_after_resolved", sa.Boolean(), nullable=False),
        sa.Column("lock_to_single_conversation", sa.Boolean(), nullable=False),
        sa.Column("timezone", sa.String(length=64), nullable=False),
        sa.Column("additional_attributes", sa.JSON(), nullable=False),
        sa.Column("channel_id", sa.Uuid(), nullable=True),
        sa.Column("room_user_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", tables.UtcDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", tables.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["inbox_accounts.id"], name=op.f("fk_inboxes_account_id")),
        sa.ForeignKeyConstraint(["channel_id"], ["channels.id"], name=op.f("fk_inboxes_channel_id")),
        sa.ForeignKeyConstraint(["room_user_id"], ["users.id"], name=op.f("fk_inboxes_room_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inboxes")),
        sa.UniqueConstraint("identifier", name=op.f("uq_inboxes_identifier")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_inboxes_account_id"), "inboxes", ["account_id"], unique=False)
    op.create_index(op.f("ix_inboxes_channel_id"), "inboxes", ["channel_id"], unique=False)
    op.create_table(
        "inbox_contacts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=True),
        sa.Column("email", sa.String(length=255), nullable=True),
        sa.Column("phone_number", sa.String(length=255), nullable=True),
        sa.Column("identifier", sa.String(length=255), nullable=True),
        sa.Column("avatar_url", sa.String(length=2048), nullable=True),
        sa.Column("blocked", sa.Boolean(), nullable=False),
        sa.Column("additional_attributes", sa.JSON(), nullable=False),
        sa.Column("custom_attributes", sa.JSON(), nullable=False),
        sa.Column("last_activity_at", tables.UtcDateTime(timezone=True), nullable=True),
        sa.Column("created_at", tables.UtcDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", tables.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["inbox_accounts.id"], name=op.f("fk_inbox_contacts_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbox_contacts")),
        sa.UniqueConstraint("account_id", "identifier", name=op.f("uq_inbox_contacts_identifier")),
        sa.UniqueConstraint("account_id", "email", name=op.f("uq_inbox_contacts_email")),
        sa.UniqueConstraint("account_id", "phone_number", name=op.f("uq_inbox_contacts_phone_number")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "inbox_sessions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("contact_id", sa.Integer(), nullable=False),
        sa.Column("inbox_id", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.String(length=255), nullable=False),
        sa.Column("hmac_verified", sa.Boolean(), nullable=False),
        sa.Column("pubsub_token", sa.String(length=64), nullable=False),
        sa.Column("created_at", tables.UtcDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", tables.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["inbox_contacts.id"], name=op.f("fk_inbox_sessions_contact_id")),
        sa.ForeignKeyConstraint(["inbox_id"], ["inboxes.id"], name=op.f("fk_inbox_sessions_inbox_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbox_sessions")),
        sa.UniqueConstraint("inbox_id", "source_id", name=op.f("uq_inbox_sessions_inbox_id_source_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_inbox_sessions_contact_id"), "inbox_sessions", ["contact_id"], unique=False)
    op.create_index(op.f("ix_inbox_sessions_source_id"), "inbox_sessions", ["source_id"], unique=False)
    op.create_table(
        "inbox_conversations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("uuid", sa.Uuid(), nullable=False),
        sa.Column("inbox_id", sa.Integer(), nullable=False),
        sa.Column("contact_id", sa.Integer(), nullable=False),
        sa.Column("session_id", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("assignee_id", sa.Integer(), nullable=True),
        sa.Column("snoozed_until", tables.UtcDateTime(timezone=True), nullable=True),
        sa.Column("additional_attributes", sa.JSON(), nullable=False),
        sa.Column("custom_attributes", sa.JSON(), nullable=False),
        sa.Column("agent_last_seen_at", tables.UtcDateTime(timezone=True), nullable=True),
        sa.Column("assignee_last_seen_at", tables.UtcDateTime(timezone=True), nullable=True),
        sa.Column("contact_last_seen_at", tables.UtcDateTime(timezone=True), nullable=True),
        sa.Column("first_reply_created_at", tables.UtcDateTime(timezone=True), nullable=True),
        sa.Column("waiting_since", tables.UtcDateTime(timezone=True), nullable=True),
        sa.Column("last_activity_at", tables.UtcDateTime(timezone=True), nullable=False),
        sa.Column("created_at", tables.UtcDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", tables.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["inbox_accounts.id"], name=op.f("fk_inbox_conversations_account_id")),
        sa.ForeignKeyConstraint(["assignee_id"], ["inbox_agents.id"], name=op.f("fk_inbox_conversations_assignee_id")),
        sa.ForeignKeyConstraint(["contact_id"], ["inbox_contacts.id"], name=op.f("fk_inbox_conversations_contact_id")),
        sa.ForeignKeyConstraint(["inbox_id"], ["inboxes.id"], name=op.f("fk_inbox_conversations_inbox_id")),
        sa.ForeignKeyConstraint(["session_id"], ["inbox_sessions.id"], name=op.f("fk_inbox_conversations_session_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbox_conversations")),
        sa.UniqueConstraint("account_id", "number", name=op.f("uq_inbox_conversations_account_id_number")),
        sa.UniqueConstraint("uuid", name=op.f("uq_inbox_conversations_uuid")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_inbox_conversations_account_id_last_activity_at_id"),
        "inbox_conversations",
        ["account_id", "last_activity_at", "id"],
        unique=False,
    )
    op.create_index(op.f("ix_inbox_conversations_contact_id"), "inbox_conversations", ["contact_id"], unique=False)
    op.create_index(op.f("ix_inbox_conversations_session_id"), "inbox_conversations", ["session_id"], unique=False)
    op.create_table(
        "inbox_messages",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("inbox_id", sa.Integer(), nullable=False),
        sa.Column("conversation_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Integer(), nullable=False),
        sa.Column("content", sa.Text(), nullable=True),
        sa.Column("content_type", sa.String(length=16), nullable=False),
        sa.Column("content_attributes", sa.JSON(), nullable=False),
        sa.Column("private", sa.Boolean(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("source_id", sa.String(length=255), nullable=True),
        sa.Column("sender_kind", sa.String(length=16), nullable=True),
        sa.Column("sender_id", sa.Integer(), nullable=True),
        sa.Column("room_message_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", tables.UtcDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", tables.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["inbox_accounts.id"], name=op.f("fk_inbox_messages_account_id")),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["inbox_conversations.id"], name=op.f("fk_inbox_messages_conversation_id")
        ),
        sa.ForeignKeyConstraint(["inbox_id"], ["inboxes.id"], name=op.f("fk_inbox_messages_inbox_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbox_messages")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_inbox_messages_conversation_id_id"), "inbox_messages", ["conversation_id", "id"], unique=False
    )
    op.create_index(
        op.f("ix_inbox_messages_inbox_id_room_message_id"),
        "inbox_messages",
        ["inbox_id", "room_message_id"],
        unique=False,
    )
    op.create_table(
        "inbox_attachments",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.Integer(), nullable=True),
        sa.Column("file_type", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("content_type", sa.String(length=128), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("created_at", tables.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["inbox_accounts.id"], name=op.f("fk_inbox_attachments_account_id")),
        sa.ForeignKeyConstraint(["message_id"], ["inbox_messages.id"], name=op.f("fk_inbox_attachments_message_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbox_attachments")),
        sa.UniqueConstraint("token", name=op.f("uq_inbox_attachments_token")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_inbox_attachments_message_id"), "inbox_attachments", ["message_id"], unique=False)
    op.create_table(
        "inbox_deliveries",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("inbox_id", sa.Integer(), nullable=False),
        sa.Column("conversation_id", sa.Integer(), nullable=True),
        sa.Column("message_id", sa.Integer(), nullable=True),
        sa.Column("event", sa.String(length=64), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", tables.UtcDateTime(timezone=True), nullable=False),
        sa.Column("claimed_until", tables.UtcDateTime(timezone=True), nullable=True),
        sa.Column("created_at", tables.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["inbox_id"], ["inboxes.id"], name=op.f("fk_inbox_deliveries_inbox_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbox_deliveries")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_inbox_deliveries_conversation_id_id"), "inbox_deliveries", ["conversation_id", "id"], unique=False
    )
    op.create_index(op.f("ix_inbox_deliveries_due_at_id"), "inbox_deliveries", ["due_at", "id"], unique=False)


def downgrade() -> None:
    op.drop_table("inbox_deliveries")
    op.drop_table("inbox_attachments")
    op.drop_table("inbox_messages")
    op.drop_table("inbox_conversations")
    op.drop_table("inbox_sessions")
    op.drop_table("inbox_contacts")
    op.drop_table("inboxes")
    op.drop_table("inbox_agents")
    op.drop_table("inbox_accounts")
