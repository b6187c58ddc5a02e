"""The tables. Identifiers are UUIDs, times are UTC with microseconds, secrets are digests wherever a digest is enough."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Date,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    Uuid,
    and_,
    false,
)
from sqlalchemy.types import TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime, stored as UTC. SQLite keeps no zone: there it is stored naive, and UTC by this rule."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a datetime without a zone does not go into the store")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

organizations = Table(
    "organizations",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("name", String(256), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

users = Table(
    "users",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("organization_id", ForeignKey(organizations.c.id), nullable=False, index=True),
    Column("first_name", String(256), nullable=False),
    Column("last_name", String(256), nullable=False),
    Column("full_name", String(512), nullable=False),
    Column("email", String(320)),
    Column("alias", String(256)),
    Column("title", String(256)),
    Column("phone", String(64)),
    Column("gender", String(16)),
    Column("birthday", Date),
    Column("avatar_id", Uuid),
    Column("avatar_url", String(2048)),
    Column("is_manager", Boolean),
    Column("is_staff", Boolean, nullable=False),
    Column("is_bot", Boolean, nullable=False),
    Column("is_online_enabled", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("deleted_at", UtcDateTime),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("digest", String(64), nullable=False, unique=True),
    Column("organization_id", ForeignKey(organizations.c.id), nullable=False),
    Column("user_id", ForeignKey(users.c.id)),
    Column("name", String(256), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("revoked_at", UtcDateTime),
)

channels = Table(
    "channels",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("organization_id", ForeignKey(organizations.c.id), nullable=False),
    Column("creator_id", ForeignKey(users.c.id)),
    Column("name", String(256), nullable=False),
    Column("name_folded", Text, nullable=False),  # SQLite's LIKE knows no case beyond ASCII: searches look here
    Column("description", Text, nullable=False),
    Column("avatar_url", String(2048)),
    Column("is_private", Boolean, nullable=False),
    Column("type", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("latest_message_created_at", UtcDateTime, nullable=False),
    Column("latest_message_id", Uuid),  # no foreign key: it and messages.channel_id would be a ring
    Column("is_default_channel", Boolean, nullable=False, server_default=false()),
    Column("is_village", Boolean, nullable=False, server_default=false()),
    Column("member_count", Integer, nullable=False, server_default="0"),
    Column("direct_key", String(64)),  # of a direct channel: a digest of its members
    Column("deleted_at", UtcDateTime),  # the row is kept, because recordings belong to it
)


def partial_index(name: str, *columns: Any, where: ColumnElement[bool], unique: bool = False) -> None:
    """Declare an index over the rows that match `where`, as the migrations create it.

    For PostgreSQL the condition stands in the migration only: `postgresql_where` would load its dialect (30 ms, 2.4 MiB) in every
    process, also on SQLite.
    """
    Index(name, *columns, unique=unique, sqlite_where=where)


_IS_DIRECT = channels.c.direct_key.is_not(None)
# Only direct channels are in it: SQLite would take "direct_key IS NULL" of the lists below for a search in this index.
partial_index("uq_channels_direct_key", channels.c.direct_key, where=_IS_DIRECT, unique=True)

PUBLIC = and_(channels.c.direct_key.is_(None), channels.c.deleted_at.is_(None), channels.c.is_private.is_(False))
"""Channels that every list may show. Without parameters, so that SQLite, too, uses the partial indexes."""

for _at in ("created_at", "latest_message_created_at"):
    partial_index(
        f"ix_channels_public_by_{_at}", channels.c.organization_id, channels.c[_at], channels.c.id, where=PUBLIC
    )

FORGETTABLE = and_(channels.c.deleted_at.is_not(None), channels.c.latest_message_id.is_not(None))
"""Deleted channels whose messages are not purged yet."""

partial_index("ix_channels_forgettable", channels.c.deleted_at, where=FORGETTABLE)

live_inputs = Table(
    "live_inputs",
    metadata,
    Column("channel_id", ForeignKey(channels.c.id), primary_key=True),
    Column("organization_id", ForeignKey(organizations.c.id), nullable=False),
    Column("provider", String(32), nullable=False),
    Column("request_id", String(32), nullable=False, unique=True),
    Column("generation", Integer, nullable=False),
    Column("uid", String(64), unique=True),  # NULL: claimed, the provider's answer is not in yet
    Column("slate_image_url", String(2048)),
    Column("reconnect_timeout", Integer, nullable=False),
    Column("latency_mode", String(16), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("change_announced_at", UtcDateTime),  # a change at the provider that is not in the log of events yet
    Column("lost_at", UtcDateTime),  # the provider had it no more, and no client has asked for another one since
    Column(
        "channel_name_folded", Text, nullable=False, server_default=""
    ),  # the channel's: a search looks at every row
    Index(None, "organization_id", "created_at", "channel_id"),
)

_ANNOUNCED = live_inputs.c.change_announced_at.is_not(None)
Index(
    "ix_live_inputs_announced",
    live_inputs.c.change_announced_at,
    sqlite_where=_ANNOUNCED,
    postgresql_where=_ANNOUNCED,
)

retired_inputs = Table(
    "retired_inputs",
    metadata,
    Column("uid", String(64), primary_key=True),
    Column("channel_id", ForeignKey(channels.c.id), nullable=False, index=True),
    Column("provider", String(32), nullable=False),
    Column("retired_at", UtcDateTime, nullable=False),
)

local_inputs = Table(
    "local_inputs",
    metadata,
    Column("uid", String(64), primary_key=True),
    Column("request_id", String(32), nullable=False, unique=True),
    Column("owner", String(64), nullable=False),
    Column("name", String(512), nullable=False),
    Column("stream_key", String(256)),  # NULL once deleted: only the request_id is kept
    Column("key_digest", String(64), unique=True),
    Column("old_key_digest", String(64), index=True),  # works until old_key_until; NULL when only one key works
    Column("old_key_until", UtcDateTime),
    Column("slate_image_url", String(2048)),
    Column("reconnect_timeout", Integer, nullable=False),
    Column("latency_mode", String(16), nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("keyframe_interval", Float),
    Column("created_at", UtcDateTime, nullable=False),
    Column("deleted", Boolean, nullable=False),
)

secrets = Table(
    "secrets",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)
