"""Who is in a channel and what is said there, as it stands in the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from service.domain.entities import Channel, ChannelType


class MessageType(StrEnum):
    """The Pub API's names."""

    USER = "user"
    CALL_REQUEST = "call_request"
    CALL_LEAVE = "call_leave"
    REPORTING = "reporting"
    SYSTEM = "system_message"
    DELETED = "deleted"


SENDERLESS = frozenset({MessageType.REPORTING, MessageType.SYSTEM})
"""Messages that say nothing of who sent them."""


class NotifyMode(StrEnum):
    """When a member wants to be notified: never, when mentioned, of everything."""

    MUTED = "muted"
    MENTIONS = "mentions"
    UNMUTED = "unmuted"


@dataclass(frozen=True, slots=True)
class Person:
    """What others see of a user."""

    id: UUID
    organization_id: UUID
    full_name: str
    avatar_url: str | None
    is_bot: bool
    deleted_at: datetime | None


@dataclass(frozen=True, slots=True)
class Message:
    """`body` is as it was sent, its keys in that order; {} once deleted. `author` sent it, whatever the answer shows."""

    id: UUID
    channel_id: UUID
    organization_id: UUID
    author: Person
    type: MessageType
    body: Mapping[str, Any]
    is_edited: bool
    created_at: datetime
    updated_at: datetime

    @property
    def sender(self) -> Person | None:
        """Whom clients are shown."""
        return None if self.type in SENDERLESS else self.author


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message to be posted. `digest` tells a retry from another message under the same id."""

    id: UUID
    channel_id: UUID
    organization_id: UUID
    author_id: UUID
    type: MessageType
    body: Mapping[str, Any]
    digest: str
    notify_users: tuple[UUID, ...]
    notify_channel: bool


@dataclass(frozen=True, slots=True)
class NotificationSettings:
    """Made with the member; one each."""

    id: UUID
    channel_id: UUID
    user_id: UUID
    organization_id: UUID
    mode: NotifyMode
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody in a channel. Unread is what others sent after `last_seen_at` (None: since joining).

    A `last_seen_at` in the future means all there is by now: what comes after is unread.
    """

    id: UUID
    channel_id: UUID
    organization_id: UUID
    user: Person
    is_admin: bool
    last_seen_at: datetime | None
    unread_message_count: int
    unread_mention_count: int
    created_at: datetime
    updated_at: datetime
    settings: NotificationSettings


@dataclass(frozen=True, slots=True)
class Joined:
    """A channel as one of its members sees it."""

    channel: Channel
    member: Member


@dataclass(frozen=True, slots=True)
class Entry:
    """A channel and what somebody is to it."""

    channel: Channel
    is_member: bool
    is_admin: bool

    @property
    def is_visible(self) -> bool:
        """Public channels are everybody's in the organization, private and direct ones their members'."""
        return self.is_member or not (self.channel.is_private or self.is_direct)

    @property
    def is_direct(self) -> bool:
        return self.channel.type is ChannelType.DIRECT
