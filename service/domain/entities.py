"""The things the product knows, as they stand in the store."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import IntEnum
from typing import TYPE_CHECKING
from uuid import UUID

from providers.base import InputOptions

if TYPE_CHECKING:
    from service.domain.conversation.entities import Message


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
