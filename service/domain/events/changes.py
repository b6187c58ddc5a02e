"""The changes that the domain records. `service/api/changes.py` gives each the form that API clients read.

A change is recorded in the transaction that makes it (`ports.Transaction.record`), with the entities as they are afterwards.
`fields` are the attributes of the resource that have changed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from providers.base import InputUid, LiveInput, ProviderEvent, Recording
from service.domain.entities import Channel, ListedStream, Member, Message
from service.domain.events.event import NewEvent
from service.domain.health.diagnostics import HealthFinding
from service.domain.status.stream_status import StreamStatus
from service.domain.webhooks.webhook import Webhook

if TYPE_CHECKING:  # these modules record these changes
    from service.domain.streams.recording_details import ListedRecording
    from service.domain.streams.sessions import StreamSession


@dataclass(frozen=True, slots=True)
class MessageAdded:
    """`message` is the channel's latest one. `notified`: the mentioned members that are not muted."""

    channel: Channel
    message: Message
    notified: Sequence[UUID] = ()


@dataclass(frozen=True, slots=True)
class MessageChanged:
    """If the message is the channel's latest one, the channel's `latest_message` has changed as well."""

    channel: Channel
    message: Message
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChannelAdded:
    channel: Channel
    members: Sequence[Member]


@dataclass(frozen=True, slots=True)
class ChannelChanged:
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
class ChannelRemoved:
    """`channel` and `call`: as they were."""

    channel: Channel
    call: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class MemberAdded:
    """`stream` and `call`, as in `ChannelChanged`, are new to a member of a private channel."""

    channel: Channel
    member: Member
    stream: ListedStream | None = None
    call: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class MemberChanged:
    channel: Channel
    member: Member
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MemberRemoved:
    """`stream_uid` and `call`: as in `ChannelChanged`."""

    channel: Channel
    user_id: UUID
    stream_uid: InputUid | None = None
    call: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class SettingsChanged:
    """The member's notification settings have changed."""

    member: Member


@dataclass(frozen=True, slots=True)
class CallChanged:
    """Participants joined or left the channel's call. `participant`: the one that did; None if none is known."""

    channel: Channel
    count_before: int
    count: int
    participant: UUID | None
    joined: bool


@dataclass(frozen=True, slots=True)
class Place:
    """The channel of something that may outlive it."""

    organization_id: UUID
    channel_id: UUID
    is_private: bool


@dataclass(frozen=True, slots=True)
class StreamAdded:
    channel: Channel
    live_input: LiveInput


@dataclass(frozen=True, slots=True)
class StreamChanged:
    """No fields: the stream key has changed, which is in no event."""

    channel: Channel
    live_input: LiveInput
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StreamRemoved:
    place: Place
    uid: InputUid


@dataclass(frozen=True, slots=True)
class SessionAdded:
    place: Place
    session: StreamSession


@dataclass(frozen=True, slots=True)
class SessionChanged:
    place: Place
    session: StreamSession
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BroadcastReported:
    """The provider reported an event of a live input. `status`: the input's status afterwards."""

    place: Place
    event: ProviderEvent
    status: StreamStatus


@dataclass(frozen=True, slots=True)
class RecordingAdded:
    """`session_id`: the stream session of the recording."""

    place: Place
    recording: Recording
    session_id: UUID | None


@dataclass(frozen=True, slots=True)
class RecordingChanged:
    """`fields`: the names in `RecordingDetails`. `session_id` as in `RecordingAdded`."""

    place: Place
    recording: ListedRecording
    session_id: UUID | None
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RecordingRemoved:
    place: Place
    uid: str


@dataclass(frozen=True, slots=True)
class FindingBegan:
    place: Place
    finding: HealthFinding


@dataclass(frozen=True, slots=True)
class FindingEnded:
    place: Place
    code: str


@dataclass(frozen=True, slots=True)
class WebhookChanged:
    """The service has changed the state of a webhook."""

    webhook: Webhook
    fields: tuple[str, ...]


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

RecordingChange = RecordingAdded | RecordingChanged | RecordingRemoved

BroadcastChange = BroadcastReported | RecordingChange | FindingBegan | FindingEnded

StreamChange = StreamAdded | StreamChanged | StreamRemoved | SessionAdded | SessionChanged | BroadcastChange

Change = ConversationChange | StreamChange | WebhookChanged

Describe = Callable[[Change], Sequence[NewEvent]]
"""Returns the events of a change."""
