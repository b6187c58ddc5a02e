"""The changes of channels, members, messages and calls that are recorded in the log of events.

The entities are as they are afterwards. `fields` are the attributes of the resource that have changed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from providers.base import InputUid
from service.domain.entities import Channel, ListedStream, Member, Message
from service.domain.events.event import Change


@dataclass(frozen=True, slots=True)
class MessageAdded(Change):
    """`message` is the channel's latest one. `notified`: the mentioned members that are not muted."""

    channel: Channel
    message: Message
    notified: Sequence[UUID] = ()


@dataclass(frozen=True, slots=True)
class MessageChanged(Change):
    """If the message is the channel's latest one, the channel's `latest_message` has changed as well."""

    channel: Channel
    message: Message
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChannelAdded(Change):
    channel: Channel
    members: Sequence[Member]


@dataclass(frozen=True, slots=True)
class ChannelChanged(Change):
    """`stream_uid`: the channel's live input. `stream`: its row in the organization's list; None if it could not be read.

    `call`: the users in the channel's call, and guests.
    """

    before: Channel
    channel: Channel
    fields: tuple[str, ...]
    stream_uid: InputUid | None = None
    stream: ListedStream | None = None
    call: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class ChannelRemoved(Change):
    """`channel` and `call`: as they were."""

    channel: Channel
    call: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class MemberAdded(Change):
    """`stream` and `call`, as in `ChannelChanged`, are new to a member of a private channel."""

    channel: Channel
    member: Member
    stream: ListedStream | None = None
    call: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class MemberChanged(Change):
    channel: Channel
    member: Member
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MemberRemoved(Change):
    """`stream_uid` and `call`: as in `ChannelChanged`."""

    channel: Channel
    user_id: UUID
    stream_uid: InputUid | None = None
    call: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class SettingsChanged(Change):
    """The member's notification settings have changed."""

    member: Member


@dataclass(frozen=True, slots=True)
class CallChanged(Change):
    """Participants joined or left the channel's call. `participant`: the one that did; None if none is known."""

    channel: Channel
    count_before: int
    count: int
    participant: UUID | None
    joined: bool


ConversationChange = (
    MessageAdded
    | MessageChanged
    | ChannelAdded
    | ChannelChanged
    | ChannelRemoved
    | MemberAdded
    | MemberChanged
    | MemberRemoved
    | SettingsChanged
    | CallChanged
)
