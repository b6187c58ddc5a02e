"""The tables of messages and members.

A member's row repeats two times of its channel (`channel_created_at`, `channel_latest_at`), and whether it is a private one, so
that the lists of a user's channels read one index, in either order; and it carries the two unread counts, which change
in the transaction that posts, deletes or sees. Every such transaction locks the channel's row first: that makes the counts exact,
and deadlocks impossible.
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    false,
)

from service.store.tables import UtcDateTime, channels, metadata, organizations, partial_index, users

members = Table(
    "members",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("channel_id", ForeignKey(channels.c.id), nullable=False),
    Column("user_id", ForeignKey(users.c.id), nullable=False),
    Column("organization_id", ForeignKey(organizations.c.id), nullable=False),
    Column("is_admin", Boolean, nullable=False),
    Column("last_seen_at", UtcDateTime),  # as the client sent it
    Column("seen_until", UtcDateTime, nullable=False),  # the effective time: later messages are unread
    Column("unread_message_count", Integer, nullable=False),
    Column("unread_mention_count", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("settings_id", Uuid, nullable=False),
    Column("mode", String(16), nullable=False),
    Column("settings_updated_at", UtcDateTime, nullable=False),
    Column("is_direct", Boolean, nullable=False),
    Column("is_private", Boolean, nullable=False, server_default=false()),  # of a private channel, not of a direct one
    Column("channel_created_at", UtcDateTime, nullable=False),
    Column("channel_latest_at", UtcDateTime, nullable=False),
    UniqueConstraint("channel_id", "user_id"),
    Index(None, "channel_id", "created_at", "id"),
)

former_members = Table(
    "former_members",
    metadata,
    Column("channel_id", ForeignKey(channels.c.id), nullable=False),
    Column("user_id", ForeignKey(users.c.id), nullable=False),
    PrimaryKeyConstraint("channel_id", "user_id"),
)
"""The members of deleted private channels, who may still see the recordings."""

DIRECT = members.c.is_direct.is_(True)
PRIVATE = members.c.is_private.is_(True)
"""Direct channels alone, and private ones alone: few beside the others, so they have indexes of their own."""

for _at in ("channel_created_at", "channel_latest_at"):
    Index(f"ix_members_joined_by_{_at}", members.c.user_id, members.c[_at], members.c.channel_id)
    for _kind, _few in (("direct", DIRECT), ("private", PRIVATE)):
        partial_index(
            f"ix_members_{_kind}_by_{_at}",
            members.c.user_id,
            members.c[_at],
            members.c.channel_id,
            where=_few,
        )

messages = Table(
    "messages",
    metadata,
    Column("id", Uuid, nullable=False),
    Column("channel_id", ForeignKey(channels.c.id), nullable=False),
    Column("organization_id", ForeignKey(organizations.c.id), nullable=False),
    Column("author_id", ForeignKey(users.c.id), nullable=False),
    Column("type", String(16), nullable=False),
    Column("body", Text, nullable=False),  # JSON as text: a JSON type would sort the keys
    Column("is_edited", Boolean, nullable=False),
    Column("notify_channel", Boolean, nullable=False),
    Column("digest", String(64), nullable=False),  # of the content as first sent: distinguishes a retry from a conflict
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    # Clients choose ids. Unique in the channel only, so that a conflict reveals nothing about another channel.
    PrimaryKeyConstraint("channel_id", "id"),
    Index(None, "channel_id", "created_at", "id"),
)

mentions = Table(
    "mentions",
    metadata,
    Column("message_id", Uuid, nullable=False),
    Column("user_id", ForeignKey(users.c.id), nullable=False),
    Column("channel_id", Uuid, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),  # the message's
    PrimaryKeyConstraint("channel_id", "message_id", "user_id"),
    ForeignKeyConstraint(["channel_id", "message_id"], [messages.c.channel_id, messages.c.id]),
    Index(None, "channel_id", "user_id", "created_at"),
)
