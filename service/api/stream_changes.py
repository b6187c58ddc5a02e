"""The form of changes of streams in the log of events. The stream key is in none of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from providers.base import EventKind, InputUid, ProviderEvent
from service.api import conference, recordings, stream_health, stream_sessions
from service.api.conference import CONFERENCE, listed_stream_answer, stream_answer
from service.api.event_forms import Resource, of_channel, of_place, of_user, readers, some, whole
from service.api.public_schemas import PATH as PUBLIC
from service.api.public_schemas import STATUS
from service.api.public_stream import status_members
from service.api.recordings import recording_answer
from service.api.stream_health import finding_answer
from service.api.stream_sessions import session_answer
from service.domain.conversation.changes import ChannelChanged, MemberAdded
from service.domain.entities import ListedStream, OwnedStream
from service.domain.events.event import Action, Audience, Event, NewEvent, Scope
from service.domain.health.changes import FindingBegan, FindingEnded, HealthChange
from service.domain.streams.broadcasts import STATE_KINDS
from service.domain.streams.changes import (
    BroadcastReported,
    RecordingAdded,
    RecordingChanged,
    RecordingRemoved,
    SessionAdded,
    SessionChanged,
    StreamAdded,
    StreamChange,
    StreamChanged,
    StreamRemoved,
)
from service.domain.streams.queries import NEW_SUMMARY
from service.domain.streams.recording_details import listed

BROADCAST_EVENTS = CONFERENCE + "/broadcast_events"
"""The path of what the provider reports of a channel's broadcasts. There are events only: there is no GET of it."""

_LAST_PART = BROADCAST_EVENTS.rpartition("/")[2]

STREAM_STATUS = PUBLIC + STATUS

SECRET = "stream_key"  # noqa: S105 (the name of a field)


def describe_stream(change: StreamChange | HealthChange) -> Iterator[NewEvent]:
    """Yield the events of a change."""
    match change:
        case StreamAdded(channel, live_input):
            resource = stream_answer(live_input).model_dump(mode="json", exclude={SECRET})
            yield of_channel(channel, conference.STREAM, Action.ADDED, live_input.uid, resource)
            yield of_channel(channel, conference.STREAMS, Action.ADDED, live_input.uid, _listed(change))
        case StreamChanged(channel, live_input, fields):
            changed = some(stream_answer(live_input), ("stream_uid", *fields))
            yield of_channel(channel, conference.STREAM, Action.CHANGED, live_input.uid, changed)
        case StreamRemoved(place, uid):
            yield of_place(place, conference.STREAM, Action.REMOVED, uid, None)
            yield of_place(place, conference.STREAMS, Action.REMOVED, uid, None)
        case SessionAdded(place, session):
            resource = whole(session_answer(session))
            yield of_place(place, stream_sessions.SESSIONS, Action.ADDED, session.id, resource)
        case BroadcastReported():
            yield from _broadcast_reported(change)
        case RecordingAdded(place, recording, session_id):
            source = f"{EventKind.RECORDING_READY}:{recording.uid}"
            resource = whole(recording_answer(listed(recording, None), session_id))
            yield of_place(place, recordings.RECORDINGS, Action.ADDED, recording.uid, resource, source)
        case RecordingChanged(place, recording, session_id, fields):
            names = {"uid", "modified"}.union(*(recordings.MEMBERS[each] for each in fields))
            changed = some(recording_answer(recording, session_id), names)
            yield of_place(place, recordings.RECORDINGS, Action.CHANGED, recording.uid, changed)
        case RecordingRemoved(place, uid):
            yield of_place(place, recordings.RECORDINGS, Action.REMOVED, uid, None)
        case FindingBegan(place, finding):
            resource = whole(finding_answer(finding))
            yield of_place(place, stream_health.HEALTH, Action.ADDED, finding.code, resource)
        case FindingEnded(place, code):
            yield of_place(place, stream_health.HEALTH, Action.REMOVED, code, None)
        case SessionChanged(place, session, fields):
            changed = some(session_answer(session), ("id", *fields))
            yield of_place(place, stream_sessions.SESSIONS, Action.CHANGED, session.id, changed)


def stream_of_changed_channel(change: ChannelChanged) -> Iterator[NewEvent]:
    """Yield the events of the channel's row in the list of streams: it is renamed, or its readers change."""
    before, channel, uid, listed = change.before, change.channel, change.stream_uid, change.stream
    if uid is None:
        return
    if readers(before) == readers(channel):
        if before.name != channel.name:
            renamed = {"uid": uid, "channel_name": channel.name}
            yield of_channel(channel, conference.STREAMS, Action.CHANGED, uid, renamed)
        return
    yield of_channel(before, conference.STREAMS, Action.REMOVED, uid, None)
    if listed is not None and listed.stream.uid == uid:
        row = replace(listed, stream=replace(listed.stream, channel_name=channel.name))
        yield of_channel(channel, conference.STREAMS, Action.ADDED, uid, whole(listed_stream_answer(row)))


def stream_of_added_member(change: MemberAdded) -> Iterator[NewEvent]:
    """Yield the event of a private channel's row in the list of streams, for its new member."""
    if change.stream is None:
        return
    channel, row = change.channel, whole(listed_stream_answer(change.stream))
    user_id, uid = change.member.user.id, change.stream.stream.uid
    yield of_user(channel.organization_id, user_id, conference.STREAMS, Action.ADDED, uid, row)


def _broadcast_reported(change: BroadcastReported) -> Iterator[NewEvent]:
    place, event = change.place, change.event
    source = f"{event.kind}:{event.input_uid}:{event.at.isoformat()}"
    resource = {
        "id": source,
        "kind": event.kind.value,
        "input_uid": event.input_uid,
        "at": event.at.isoformat(),
    }
    yield of_place(place, BROADCAST_EVENTS, Action.ADDED, source, resource, source)
    if event.kind not in STATE_KINDS:
        return
    listed = {"uid": event.input_uid, "state": change.status.state.value}
    yield of_place(place, conference.STREAMS, Action.CHANGED, event.input_uid, listed)
    path = STREAM_STATUS.format(organization_id=place.organization_id, channel_id=place.channel_id)
    status = status_members(change.status)
    public = Audience(Scope.PUBLIC)
    yield NewEvent(place.organization_id, path, Action.CHANGED, str(place.channel_id), status, public)


def reported(event: Event) -> ProviderEvent | None:
    """Return the report that an event was made of; None for another event."""
    if event.resource is None or not event.channel.endswith(_LAST_PART):
        return None
    kind, at = EventKind(event.resource["kind"]), datetime.fromisoformat(event.resource["at"])
    return ProviderEvent(kind, InputUid(event.resource["input_uid"]), at)


def _listed(change: StreamAdded) -> Resource:
    live_input, channel = change.live_input, change.channel
    stream = OwnedStream(channel.id, channel.name, live_input.uid, live_input.created)
    playback = live_input.playback
    listed = ListedStream(stream, live_input.rtmps_url, playback.hls, playback.thumbnail, NEW_SUMMARY)
    return whole(listed_stream_answer(listed))
