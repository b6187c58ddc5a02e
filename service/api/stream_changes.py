"""The form of changes of streams in the log of events. The stream key is in none of them."""

from __future__ import annotations

from collections.abc import Iterator

from service.api import conference, stream_sessions
from service.api.conference import listed_stream_answer, stream_answer
from service.api.event_forms import Resource, of_channel, of_place, some, whole
from service.api.stream_sessions import session_answer
from service.domain.entities import OwnedStream
from service.domain.events.changes import (
    SessionAdded,
    SessionChanged,
    StreamAdded,
    StreamChange,
    StreamChanged,
    StreamRemoved,
)
from service.domain.events.event import Action, NewEvent
from service.domain.streams.queries import NEW_SUMMARY, ListedStream

SECRET = "stream_key"  # noqa: S105 (the name of a field)


def describe_stream(change: StreamChange) -> Iterator[NewEvent]:
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
        case SessionChanged(place, session, fields):
            changed = some(session_answer(session), ("id", *fields))
            yield of_place(place, stream_sessions.SESSIONS, Action.CHANGED, session.id, changed)


def _listed(change: StreamAdded) -> Resource:
    live_input, channel = change.live_input, change.channel
    stream = OwnedStream(channel.id, channel.name, live_input.uid, live_input.created)
    playback = live_input.playback
    listed = ListedStream(stream, live_input.rtmps_url, playback.hls, playback.thumbnail, NEW_SUMMARY)
    return whole(listed_stream_answer(listed))
