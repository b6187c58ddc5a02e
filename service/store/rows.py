"""Rows of joined tables as the things they are. Columns of a joined table carry its prefix."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import FromClause, Label

from service.domain.entities import (
    Channel,
    ChannelType,
    Member,
    Message,
    MessageType,
    NotificationSettings,
    NotifyMode,
    Person,
)
from service.store.conversation_tables import members, messages
from service.store.tables import channels, users

Row = Mapping[Any, Any]

_CHANNEL = (
    "id", "organization_id", "creator_id", "name", "description", "avatar_url", "is_private", "type", "created_at",
    "updated_at", "latest_message_created_at", "is_default_channel", "is_village", "member_count",
)  # fmt: skip
_MESSAGE = ("id", "channel_id", "organization_id", "type", "body", "is_edited", "created_at", "updated_at")
_MEMBER = (
    "id", "channel_id", "organization_id", "is_admin", "last_seen_at", "unread_message_count", "unread_mention_count",
    "created_at", "updated_at", "settings_id", "mode", "settings_updated_at", "user_id",
)  # fmt: skip


def prefixed(table: FromClause, prefix: str, names: tuple[str, ...]) -> list[Label[Any]]:
    return [table.c[name].label(f"{prefix}_{name}") for name in names]


PEOPLE = ("id", "organization_id", "full_name", "avatar_url", "is_bot", "deleted_at")
CHANNEL_COLUMNS = prefixed(channels, "channel", _CHANNEL)
MESSAGE_COLUMNS = prefixed(messages, "message", _MESSAGE)
MEMBER_COLUMNS = [*prefixed(members, "member", _MEMBER), *prefixed(users, "person", PEOPLE)]
"""Of members joined with their users."""


def person_from(row: Row, prefix: str) -> Person:
    return Person(**{name: row[f"{prefix}_{name}"] for name in PEOPLE})


def channel_from(row: Row, latest: Message | None = None) -> Channel:
    values = {name: row[f"channel_{name}"] for name in _CHANNEL}
    return Channel(**{**values, "type": ChannelType(values["type"])}, latest_message=latest)


def message_from(row: Row, author: str = "author") -> Message:
    values = {name: row[f"message_{name}"] for name in _MESSAGE}
    values |= {"type": MessageType(values["type"]), "body": json.loads(values["body"])}
    return Message(**values, author=person_from(row, author))


def member_from(row: Row) -> Member:
    values = {name: row[f"member_{name}"] for name in _MEMBER}
    settings = NotificationSettings(
        id=values.pop("settings_id"),
        channel_id=values["channel_id"],
        user_id=values.pop("user_id"),
        organization_id=values["organization_id"],
        mode=NotifyMode(values.pop("mode")),
        created_at=values["created_at"],
        updated_at=values.pop("settings_updated_at"),
    )
    return Member(**values, user=person_from(row, "person"), settings=settings)


def member_row(channel: Channel, user_id: UUID, *, is_admin: bool, at: datetime | None = None) -> dict[str, Any]:
    """Return the row of a new member. `at`: when the user joined; None: when the channel was created."""
    joined = at or channel.created_at
    return {
        "id": uuid4(),
        "channel_id": channel.id,
        "user_id": user_id,
        "organization_id": channel.organization_id,
        "is_admin": is_admin,
        "last_seen_at": None,
        "seen_until": channel.latest_message_created_at,
        "unread_message_count": 0,
        "unread_mention_count": 0,
        "created_at": joined,
        "updated_at": joined,
        "settings_id": uuid4(),
        "mode": NotifyMode.UNMUTED.value,
        "settings_updated_at": joined,
        "is_direct": channel.type is ChannelType.DIRECT,
        "is_private": channel.is_private and channel.type is not ChannelType.DIRECT,
        "channel_created_at": channel.created_at,
        "channel_latest_at": channel.latest_message_created_at,
    }


def written(body: Mapping[str, Any]) -> str:
    """Serialize a body, with its keys in their order and without white space."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))
