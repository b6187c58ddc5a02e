"""The entities of the product, as stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import IntEnum, StrEnum
from typing import Any
from uuid import UUID

from providers.base import InputOptions, InputUid, Phase


class ChannelType(IntEnum):
    """Numbers as in the Pub API."""

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
    """A member of an organization. Unknown fields are None."""

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
    """An API token as listed. The token itself is not stored."""

    id: UUID
    digest: str = field(repr=False)
    organization_id: UUID
    user_id: UUID | None
    name: str
    created_at: datetime
    revoked_at: datetime | None = None


class MessageType(StrEnum):
    """Names as in the Pub API."""

    USER = "user"
    CALL_REQUEST = "call_request"
    CALL_LEAVE = "call_leave"
    REPORTING = "reporting"
    SYSTEM = "system_message"
    DELETED = "deleted"


SENDERLESS = frozenset({MessageType.REPORTING, MessageType.SYSTEM})
"""Messages whose sender is hidden."""


class NotifyMode(StrEnum):
    """When a member is notified: never, when mentioned, of every message."""

    MUTED = "muted"
    MENTIONS = "mentions"
    UNMUTED = "unmuted"


@dataclass(frozen=True, slots=True)
class Person:
    """The public part of a user."""

    id: UUID
    organization_id: UUID
    full_name: str
    avatar_url: str | None
    is_bot: bool
    deleted_at: datetime | None


@dataclass(frozen=True, slots=True)
class Message:
    """`body` is as sent, with its keys in that order; {} once deleted. `author` is kept even where the sender is hidden."""

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
        """The sender that clients see."""
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
    """In a list: the time of its latest message when paging began. None: `latest_message_created_at`."""


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message to post. `digest` distinguishes a retry from another message with the same id."""

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
    """A member's notification settings, created with the member."""

    id: UUID
    channel_id: UUID
    user_id: UUID
    organization_id: UUID
    mode: NotifyMode
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Member:
    """A user in a channel. Messages of others after `last_seen_at` (None: since joining) are unread.

    A `last_seen_at` in the future counts as now: later messages are unread.
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
    """A channel and the membership of one user."""

    channel: Channel
    member: Member


@dataclass(frozen=True, slots=True)
class Entry:
    """A channel and a client's rights in it."""

    channel: Channel
    is_member: bool
    is_admin: bool

    @property
    def is_visible(self) -> bool:
        """Whether the client may see it: public channels are visible to the organization, others to their members."""
        return self.is_member or not (self.channel.is_private or self.is_direct)

    @property
    def is_direct(self) -> bool:
        return self.channel.type is ChannelType.DIRECT


@dataclass(frozen=True, slots=True)
class ClaimedInput:
    """A channel's claim on a live input.

    The claim is stored before the provider is called, with the `request_id` of that call. `uid` is None until the provider's
    result is stored. So if a process dies in between, the next call has the same request id and gets the same input.
    `generation` grows when the input was deleted at the provider and is created again. `options` are the last ones known. `lost`:
    the input was found deleted at the provider, and no other one has been requested since.
    """

    channel_id: UUID
    organization_id: UUID
    provider: str
    request_id: str
    generation: int
    uid: InputUid | None
    options: InputOptions
    created_at: datetime
    lost: bool = False


@dataclass(frozen=True, slots=True)
class OwnedStream:
    """A live input in its organization's list."""

    channel_id: UUID
    channel_name: str
    uid: InputUid
    created_at: datetime


@dataclass(frozen=True, slots=True)
class LiveSummary:
    """The state of a stream in its organization's list.

    `counted`: the count is current; otherwise it is the last good one. `lost`: the provider no longer has this live input.
    `as_of`: the provider is unavailable, and the state is the last known one, of that time. None: current.
    """

    state: Phase
    viewer_count: int
    counted: bool = True
    lost: bool = False
    as_of: datetime | None = None


@dataclass(frozen=True, slots=True)
class ListedStream:
    """A stream in its organization's list. Without its key, so that a list cannot leak it."""

    stream: OwnedStream
    rtmps_url: str
    view_url: str
    thumbnail: str
    summary: LiveSummary
