"""The changes of live inputs, broadcasts, sessions and recordings that are recorded in the log of events.

The entities are as they are afterwards. `fields` are the attributes of the resource that have changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from providers.base import InputUid, LiveInput, ProviderEvent, Recording
from service.domain.entities import Channel
from service.domain.events.event import Change
from service.domain.status.stream_status import StreamStatus
from service.domain.streams.place import Place
from service.domain.streams.recording_details import ListedRecording
from service.domain.streams.session import StreamSession


@dataclass(frozen=True, slots=True)
class StreamAdded(Change):
    channel: Channel
    live_input: LiveInput


@dataclass(frozen=True, slots=True)
class StreamChanged(Change):
    """No fields: the stream key has changed, which is in no event."""

    channel: Channel
    live_input: LiveInput
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StreamRemoved(Change):
    place: Place
    uid: InputUid


@dataclass(frozen=True, slots=True)
class SessionAdded(Change):
    place: Place
    session: StreamSession


@dataclass(frozen=True, slots=True)
class SessionChanged(Change):
    place: Place
    session: StreamSession
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BroadcastReported(Change):
    """The provider reported an event of a live input. `status`: the input's status afterwards."""

    place: Place
    event: ProviderEvent
    status: StreamStatus


@dataclass(frozen=True, slots=True)
class RecordingAdded(Change):
    """`session_id`: the stream session of the recording."""

    place: Place
    recording: Recording
    session_id: UUID | None


@dataclass(frozen=True, slots=True)
class RecordingChanged(Change):
    """`fields`: the names in `RecordingDetails`. `session_id` as in `RecordingAdded`."""

    place: Place
    recording: ListedRecording
    session_id: UUID | None
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RecordingRemoved(Change):
    place: Place
    uid: str


RecordingChange = RecordingAdded | RecordingChanged | RecordingRemoved

StreamChange = (
    StreamAdded | StreamChanged | StreamRemoved | SessionAdded | SessionChanged | BroadcastReported | RecordingChange
)
