"""Members, messages, mentions; what channels need for them."""

from __future__ import annotations

from uuid import uuid4

import sqlalchemy as sa
from alembic import op

from service.store import conversation_tables, tables

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

OLD_INDEXES = ("created_at", "latest_message_created_at")
BATCH = 5_000
"""Members written at once when the makers of channels become their members."""


def upgrade() -> None:
    # Column by column: SQLite must not rebuild the table, because live inputs refer to it.
    for column in (
        sa.Column("latest_message_id", sa.Uuid()),
        sa.Column("is_default_channel", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("is_village", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("member_count", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("direct_key", sa.String(length=64)),
        sa.Column("deleted_at", tables.UtcDateTime(timezone=True)),
    ):
        op.add_column("channels", column)
    direct = sa.text("direct_key IS NOT NULL")
    op.create_index(
        "uq_channels_direct_key",
        "channels",
        ["direct_key"],
        unique=True,
        sqlite_where=direct,
        postgresql_where=direct,
    )
    listed = sa.text("direct_key IS NULL AND deleted_at IS NULL")
    for at in OLD_INDEXES:
        op.drop_index(op.f(f"ix_channels_organization_id_{at}_id"), table_name="channels")
        op.create_index(
            f"ix_channels_listed_by_{at}",
            "channels",
            ["organization_id", at, "id"],
            sqlite_where=listed,
            postgresql_where=listed,
        )
    _create_members()
    _create_messages()
    _admit_creators()


def _create_members() -> None:
    op.create_table(
        "members",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("channel_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("is_admin", sa.Boolean(), nullable=False),
        sa.Column("last_seen_at", tables.UtcDateTime(timezone=True), nullable=True),
        sa.Column("seen_until", tables.UtcDateTime(timezone=True), nullable=False),
        sa.Column("unread_message_count", sa.Integer(), nullable=False),
        sa.Column("unread_mention_count", sa.Integer(), nullable=False),
        sa.Column("created_at", tables.UtcDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", tables.UtcDateTime(timezone=True), nullable=False),
        sa.Column("settings_id", sa.Uuid(), nullable=False),
        sa.Column("mode", sa.String(length=16), nullable=False),
        sa.Column("settings_updated_at", tables.UtcDateTime(timezone=True), nullable=False),
        sa.Column("is_direct", sa.Boolean(), nullable=False),
        sa.Column("channel_created_at", tables.UtcDateTime(timezone=True), nullable=False),
        sa.Column("channel_latest_at", tables.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["channel_id"], ["channels.id"], name=op.f("fk_members_channel_id")),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_members_organization_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_members_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_members")),
        sa.UniqueConstraint("channel_id", "user_id", name=op.f("uq_members_channel_id_user_id")),
    )
    op.create_index(op.f("ix_members_channel_id_created_at_id"), "members", ["channel_id", "created_at", "id"])
    for at in ("channel_created_at", "channel_latest_at"):
        columns = ["user_id", at, "channel_id"]
        op.create_index(f"ix_members_joined_by_{at}", "members", columns)
        op.create_index(
            f"ix_members_direct_by_{at}",
            "members",
            columns,
            sqlite_where=sa.text("is_direct IS 1"),
            postgresql_where=sa.text("is_direct IS true"),
        )


def _create_messages() -> None:
    op.create_table(
        "messages",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("channel_id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("author_id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.String(length=16), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("is_edited", sa.Boolean(), nullable=False),
        sa.Column("notify_channel", sa.Boolean(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("created_at", tables.UtcDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", tables.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["author_id"], ["users.id"], name=op.f("fk_messages_author_id")),
        sa.ForeignKeyConstraint(["channel_id"], ["channels.id"], name=op.f("fk_messages_channel_id")),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_messages_organization_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messages")),
    )
    op.create_index(op.f("ix_messages_channel_id_created_at_id"), "messages", ["channel_id", "created_at", "id"])
    op.create_table(
        "mentions",
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("channel_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", tables.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"], name=op.f("fk_mentions_message_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_mentions_user_id")),
        sa.PrimaryKeyConstraint("message_id", "user_id", name=op.f("pk_mentions")),
    )
    op.create_index(
        op.f("ix_mentions_channel_id_user_id_created_at"), "mentions", ["channel_id", "user_id", "created_at"]
    )


def _admit_creators() -> None:
    """Who made a channel before there were members is its first one, and its admin."""
    connection, channels = op.get_bind(), tables.channels
    known = sa.select(
        channels.c.id,
        channels.c.organization_id,
        channels.c.creator_id,
        channels.c.created_at,
        channels.c.latest_message_created_at,
    ).where(channels.c.creator_id.is_not(None))
    rows = [
        {
            "id": uuid4(),
            "channel_id": channel.id,
            "user_id": channel.creator_id,
            "organization_id": channel.organization_id,
            "is_admin": True,
            "seen_until": channel.created_at,
            "unread_message_count": 0,
            "unread_mention_count": 0,
            "created_at": channel.created_at,
            "updated_at": channel.created_at,
            "settings_id": uuid4(),
            "mode": "unmuted",
            "settings_updated_at": channel.created_at,
            "is_direct": False,
            "channel_created_at": channel.created_at,
            "channel_latest_at": channel.latest_message_created_at,
        }
        for channel in connection.execute(known)
    ]
    for start in range(0, len(rows), BATCH):
        connection.execute(conversation_tables.members.insert(), rows[start : start + BATCH])
    connection.execute(sa.update(channels).where(channels.c.creator_id.is_not(None)).values(member_count=1))


def downgrade() -> None:
    for table in ("mentions", "messages", "members"):
        op.drop_table(table)
    for at in OLD_INDEXES:
        op.drop_index(f"ix_channels_listed_by_{at}", table_name="channels")
    op.drop_index("uq_channels_direct_key", table_name="channels")
    for name in (
        "deleted_at",
        "direct_key",
        "member_count",
        "is_village",
        "is_default_channel",
        "latest_message_id",
    ):
        op.drop_column("channels", name)
    for at in OLD_INDEXES:
        op.create_index(op.f(f"ix_channels_organization_id_{at}_id"), "channels", ["organization_id", at, "id"])
