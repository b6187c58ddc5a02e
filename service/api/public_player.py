"""stream_player: public playback URLs of a channel. stream_status returns the state of the stream."""

from __future__ import annotations

from pydantic import Field

from providers.base import Recording
from service.api.public_schemas import PATH
from service.domain.streams.public_info import PublicStreamInfo
from service.http.fields import Moment
from service.http.operation import Call, Nothing, Operation, Reply, operation
from service.http.schemas import Answer

CACHING = {"Cache-Control": "public, max-age=1"}


class PublicRecording(Answer):
    """The latest recording."""

    uid: str
    created: Moment
    duration: float = Field(description="Seconds, -1 while unknown.")
    hls: str
    dash: str
    thumbnail: str


class StreamPlayer(Answer):
    """Playback URLs of a channel."""

    name: str
    view_url: str = Field(description="HLS; 404 while nothing is watchable.")
    dash_url: str
    thumbnail: str = Field(description="A current frame of the stream; 404 while nothing is watchable.")
    slate_image_url: str | None
    recording: PublicRecording | None


def operations(public_info: PublicStreamInfo) -> list[Operation]:
    """Return the operations of this resource."""

    @operation(
        "GET",
        PATH + "stream_player",
        answers={200: StreamPlayer},
        public=True,
        tag="Public",
        summary="Playback URLs of a channel's stream and its latest recording",
    )
    async def get_stream_player(call: Call[Nothing, Nothing]) -> Reply:
        """Return playback URLs. 404 for private channels and channels without a live input.

        A recording may appear shortly after the stream has ended.
        """
        showing = await public_info.of(call.path["organization_id"], call.path["channel_id"])
        answer = StreamPlayer(
            name=showing.name,
            view_url=showing.playback.hls,
            dash_url=showing.playback.dash,
            thumbnail=showing.playback.thumbnail,
            slate_image_url=showing.slate_image_url,
            recording=None if showing.recording is None else _recording(showing.recording),
        )
        return Reply(answer, headers=CACHING)

    return [get_stream_player]


def _recording(recording: Recording) -> PublicRecording:
    return PublicRecording(
        uid=recording.uid,
        created=recording.created,
        duration=-1.0 if recording.duration is None else recording.duration,
        hls=recording.playback.hls,
        dash=recording.playback.dash,
        thumbnail=recording.playback.thumbnail,
    )
