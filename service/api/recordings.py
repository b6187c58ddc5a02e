"""Recordings of a channel, newest first, and a recording by its uid."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from pydantic import Field

from providers.base import Recording
from service.api.conference import CONFERENCE, ORGANIZATION, TAG
from service.domain.conversation.channels import Channels
from service.domain.streams.queries import StreamQueries
from service.domain.streams.sessions import Sessions
from service.http.degraded import DEGRADED_HEADERS, degraded
from service.http.fields import Moment
from service.http.operation import Call, Nothing, Operation, Reply, operation
from service.http.pagination import PageQuery, page_reply, page_request
from service.http.schemas import Answer, PageAnswer

RECORDINGS = CONFERENCE + "/recorded_streams"


class Size(Answer):
    width: int = Field(description="Pixels, -1 while unknown.")
    height: int = Field(description="Pixels, -1 while unknown.")


class PlaybackAnswer(Answer):
    hls: str
    dash: str


class Meta(Answer):
    name: str


class RecordingAnswer(Answer):
    """A finished broadcast, in the shape the Pub API shares with Cloudflare's videos."""

    uid: str
    thumbnail: str
    created: Moment
    modified: Moment
    size: int = Field(description="Bytes, 0 while unknown.")
    duration: float = Field(description="Seconds, -1 while unknown.")
    input: Size
    playback: PlaybackAnswer
    meta: Meta
    stream_session_id: UUID | None = Field(description="Stream session of the recording.")


class RecordingPage(PageAnswer):
    results: list[RecordingAnswer]


def operations(channels: Channels, queries: StreamQueries, sessions: Sessions) -> list[Operation]:
    """Return the operations of this resource."""

    @operation(
        "GET",
        RECORDINGS,
        query=PageQuery,
        answers={200: RecordingPage},
        headers=DEGRADED_HEADERS,
        tag=TAG,
        summary="Recordings of the channel, newest first",
    )
    async def list_recordings(call: Call[PageQuery, Nothing]) -> Reply:
        """Return the recordings of ended broadcasts."""
        channel = await channels.visible(call.client, call.path["channel_id"])
        page = await queries.recordings(channel, page_request(call, by_uuid=False))
        made_in = await sessions.of_recordings(channel.id, page.items)
        return page_reply(RecordingPage, call, page, lambda each: recording_answer(each, made_in.get(each.uid)))

    @operation(
        "GET",
        ORGANIZATION + "/conference/recorded_streams/{recording_uid}",
        answers={200: RecordingAnswer},
        headers=DEGRADED_HEADERS,
        tag=TAG,
        summary="Retrieve a recording",
    )
    async def get_recording(call: Call[Nothing, Nothing]) -> Reply:
        """Return a recording by its uid, even if its channel has been deleted. 404 if the user cannot see the channel.

        Recordings of a deleted private channel are visible only to its former members and to organization tokens.
        """
        recording, channel_id = await queries.recording(call.client, call.path["recording_uid"].hex)
        made_in = await sessions.of_recordings(channel_id, [recording])
        return Reply(recording_answer(recording, made_in.get(recording.uid)), headers=degraded(recording.as_of))

    return [list_recordings, get_recording]


def recording_answer(recording: Recording, session_id: UUID | None) -> RecordingAnswer:
    return RecordingAnswer(
        uid=recording.uid,
        thumbnail=recording.playback.thumbnail,
        created=recording.created,
        modified=recording.modified,
        size=_known(recording.size, 0),
        duration=_known(recording.duration, -1.0),
        input=Size(width=_known(recording.width, -1), height=_known(recording.height, -1)),
        playback=PlaybackAnswer(hls=recording.playback.hls, dash=recording.playback.dash),
        meta=Meta(name=recording.name),
        stream_session_id=session_id,
    )


def _known(value: Any, placeholder: Any) -> Any:
    """Return the value, or Cloudflare's placeholder for an unknown one, which clients of this API expect."""
    return placeholder if value is None else value
