"""Recordings of a channel, newest first; a recording by its uid: read, change, delete."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from service.api.channels import Description, Name
from service.api.conference import CONFERENCE, ORGANIZATION, TAG
from service.domain.conversation.channels import Channels
from service.domain.streams.queries import StreamQueries
from service.domain.streams.recording_details import ListedRecording
from service.domain.streams.recordings import Recordings
from service.domain.streams.sessions import Sessions
from service.http.degraded import DEGRADED_HEADERS
from service.http.fields import Moment
from service.http.operation import Call, Nothing, Operation, Reply, operation
from service.http.pagination import PageQuery, page_reply, page_request
from service.http.schemas import Answer, PageAnswer, without_defaults

RECORDINGS = CONFERENCE + "/recorded_streams"
RECORDING = ORGANIZATION + "/conference/recorded_streams/{recording_uid}"

MEMBERS = {
    "name": {"meta"},
    "description": {"description"},
    "thumbnail_time": {"thumbnail_time", "thumbnail"},
    "is_pinned": {"is_pinned"},
}
"""The members of an answer that change with each of the fields that can be changed."""

MAX_MOMENT = 1_000_000.0
"""The largest moment in a recording, in seconds: eleven days."""


class Size(Answer):
    width: int = Field(description="Pixels, -1 while unknown.")
    height: int = Field(description="Pixels, -1 while unknown.")


class PlaybackAnswer(Answer):
    hls: str
    dash: str


class Meta(Answer):
    name: str


class RecordingChanges(BaseModel):
    """The fields to change. Fields that are not sent keep their values."""

    model_config = ConfigDict(json_schema_extra=without_defaults)

    name: Name | None = Field(None, description="null: the name that the recording had at first.")
    description: Description = ""
    thumbnail_time: float | None = Field(
        None,
        ge=0,
        le=MAX_MOMENT,
        strict=True,
        allow_inf_nan=False,
        description="Moment of the thumbnail, in seconds from the start. null: the provider's choice.",
    )

    is_pinned: bool = Field(False, strict=True, description="Whether the recording is kept at any age.")

    def values(self) -> dict[str, Any]:
        """Return the fields that were sent."""
        return {name: getattr(self, name) for name in self.model_fields_set}


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
    description: str
    thumbnail_time: float | None = Field(
        description="Moment of the thumbnail, in seconds from the start. null: the provider's choice."
    )
    is_pinned: bool = Field(description="Whether the recording is kept at any age.")
    stream_session_id: UUID | None = Field(description="Stream session of the recording.")


class RecordingPage(PageAnswer):
    results: list[RecordingAnswer]


def operations(
    channels: Channels, queries: StreamQueries, recordings: Recordings, sessions: Sessions
) -> list[Operation]:
    """Return the operations of this resource."""
    return [*_reads(channels, queries, sessions), *_changes(queries, recordings, sessions)]


def _reads(channels: Channels, queries: StreamQueries, sessions: Sessions) -> list[Operation]:

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
        RECORDING,
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
        return Reply(recording_answer(recording, made_in.get(recording.uid)), as_of=recording.as_of)

    return [list_recordings, get_recording]


def _changes(queries: StreamQueries, recordings: Recordings, sessions: Sessions) -> list[Operation]:
    @operation(
        "PATCH",
        RECORDING,
        body=RecordingChanges,
        answers={200: RecordingAnswer},
        tag=TAG,
        summary="Change a recording",
    )
    async def change_recording(call: Call[Nothing, RecordingChanges]) -> Reply:
        """Change the fields that are sent. Requires an admin of the channel or a token without a user.

        After the channel was deleted, only a token without a user may change its recordings. The thumbnail shows the last
        keyframe before its moment.
        """
        uid = call.path["recording_uid"].hex
        recording, channel_id = await queries.recording(call.client, uid)
        session_id = (await sessions.of_recordings(channel_id, [recording])).get(uid)
        changed = await recordings.change(call.client, uid, call.body.values(), session_id)
        return Reply(recording_answer(changed, session_id))

    @operation("DELETE", RECORDING, answers={204: None}, tag=TAG, summary="Delete a recording")
    async def delete_recording(call: Call[Nothing, Nothing]) -> Reply:
        """Delete a recording and its media permanently. Requires the same rights as a change.

        The space is free at once. If the provider does not answer, its media is deleted as soon as it does.
        """
        await recordings.delete(call.client, call.path["recording_uid"].hex)
        return Reply(None, status=204)

    return [change_recording, delete_recording]


def recording_answer(recording: ListedRecording, session_id: UUID | None) -> RecordingAnswer:
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
        description=recording.description,
        thumbnail_time=recording.thumbnail_time,
        is_pinned=recording.is_pinned,
        stream_session_id=session_id,
    )


def _known(value: Any, placeholder: Any) -> Any:
    """Return the value, or Cloudflare's placeholder for an unknown one, which clients of this API expect."""
    return placeholder if value is None else value
