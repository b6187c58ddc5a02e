"""The things the product knows, as they stand in the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import IntEnum, StrEnum
from typing import Any
from uuid import UUID

from providers.base import InputOptions


class ChannelType(IntEnum):
    """The numbers the Pub API has for them."""

    DIRECT = 1
    DEFAULT = 2
    REPORTING = 3
    PRIVATE = 4
    ANNOUNCEMENTS = 5


@dataclass(frozen=True, slots=True)
class Organization:
    id: UUID
    name: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class User:
    """A member of an organization. What the directory does not know is None."""

    id: UUID
    organization_id: UUID
    first_name: str
    last_name: str
    full_name: str
    created_at: datetime
    updated_at: datetime
    email: str | None = None
    alias: str | None = None
    title: str | None = None
    phone: str | None = None
    gender: str | None = None
    birthday: date | None = None
    avatar_id: UUID | None = None
    avatar_url: str | None = None
    is_manager: bool | None = None
    is_staff: bool = False
    is_bot: bool = False
    is_online_enabled: bool = True
    deleted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Token:
    """An API token as it may be listed. The token itself is known only to whoever it was given to."""

    id: UUID
    digest: str = field(repr=False)
    organization_id: UUID
    user_id: UUID | None
    name: str
    created_at: datetime
    revoked_at: datetime | None = None


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
class Channel:
    id: UUID
    organization_id: UUID
    creator_id: UUID | None
    name: str
    description: str
    avatar_url: str | None
    is_private: bool
    type: ChannelType
    created_at: datetime
    updated_at: datetime
    latest_message_created_at: datetime
    is_default_channel: bool = False
    is_village: bool = False
    member_count: int = 0
    latest_message: Message | None = None
    listed_at: datetime | None = None
    """In a page of a walk: its latest message when the walk began. None: `latest_message_created_at`."""


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


@dataclass(frozen=True, slots=True)
class ClaimedInput:
    """A channel's claim on a live input.

    The claim is stored before the provider is asked, with the `request_id` it will be asked by; `uid` is None until the
    provider's answer is stored. So whatever dies in between, the next call asks by the same request id and gets the same input.
    `generation` grows when the input was deleted at the provider and is made again. `options` are the last ones known. `lost`: the
    input was found deleted at the provider, and nobody has asked for another one since.
    """

    channel_id: UUID
    organization_id: UUID
    provider: str
    request_id: str
    generation: int
    uid: str | None
    options: InputOptions
    created_at: datetime
    lost: bool = False


@dataclass(frozen=True, slots=True)
class OwnedStream:
    """A live input in its organization's list."""

    channel_id: UUID
    channel_name: str
    uid: str
    created_at: datetime
