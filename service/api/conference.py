"""Streams: the live input of a channel, its recordings, and the organization's list."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, Field, WithJsonSchema

from providers.base import DEFAULT_RECONNECT_TIMEOUT, MAX_RECONNECT_TIMEOUT, LatencyMode, LiveInput, Phase, Recording
from service.api.contract import Call, Nothing, Operation, Reply, operation
from service.api.fields import TEXT_PATTERN, HttpUrl, Moment, Whole
from service.api.pagination import PageQuery, links, results
from service.api.schemas import Answer, PageAnswer
from service.domain.catalogue import Catalogue, ListedStream
from service.domain.channels import Channels
from service.domain.sessions import Sessions
from service.domain.streams import OptionChanges, Streams

ORGANIZATION = "/api/pub/v1/orgs/{organization_id}"
CONFERENCE = ORGANIZATION + "/channels/{channel_id}/conference"
TAG = "Streams"

MAX_SEARCH = 255
"""The longest search text, in characters."""


class StreamBody(BaseModel):
    """Options of a live input. What is not sent stays as it is."""

    slate_image_url: HttpUrl | None = None
    reconnect_timeout: Annotated[int, Field(ge=0, le=MAX_RECONNECT_TIMEOUT), Whole] = DEFAULT_RECONNECT_TIMEOUT
    latency_mode: LatencyMode = LatencyMode.STANDARD

    def changes(self) -> OptionChanges:
        return OptionChanges(**{name: getattr(self, name) for name in self.model_fields_set})


class StreamAnswer(Answer):
    """A live input as its owner may see it. The key is a secret."""

    rtmps_url: str
    rtmp_url: str | None
    view_url: str
    stream_key: str = Field(repr=False)
    stream_uid: str
    slate_image_url: str | None
    reconnect_timeout: int = Field(
        description="Seconds a lost encoder is waited for. What holds: where nothing was asked for, the provider's nearest to "
        "the default; 0 with Cloudflare is Cloudflare's own, which it does not tell."
    )
    latency_mode: LatencyMode
    enabled: bool = Field(description="Whether encoders may publish.")


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
    stream_session_id: UUID | None = Field(description="The session it was made in.")


class RecordingPage(PageAnswer):
    results: list[RecordingAnswer]


class ListedStreamAnswer(Answer):
    """A live input in its organization's list: never with its key."""

    channel: UUID
    channel_name: str
    created: Moment
    uid: str
    rtmps_url: str
    view_url: str
    thumbnail: str
    state: Phase
    viewer_count: int


class ListedStreamPage(PageAnswer):
    results: list[ListedStreamAnswer]


State = Annotated[
    Phase | None,
    BeforeValidator(lambda text: text or None),
    WithJsonSchema({"type": "string", "enum": [*Phase, ""]}),
]
"""A state to filter by; an empty one is no filter."""


class StreamQuery(PageQuery):
    search: str = Field(
        "", max_length=MAX_SEARCH, pattern=TEXT_PATTERN, description="Part of the channel's name, in any case."
    )
    state: State = Field(None, description="Only streams in this state; pages may be short then.")


def operations(channels: Channels, streams: Streams, catalogue: Catalogue, sessions: Sessions) -> list[Operation]:
    """The operations of this resource."""

    @operation(
        "POST",
        CONFERENCE + "/create_stream",
        body=StreamBody,
        answers={200: StreamAnswer, 201: StreamAnswer},
        tag=TAG,
        summary="Ensure that the channel has a live input",
    )
    async def ensure_stream(call: Call[Nothing, StreamBody]) -> Reply:
        """201 when this call made it, 200 when it was there. No body is needed."""
        channel = await channels.visible(call.caller, call.path["channel_id"])
        ensured = await streams.ensure(channel, call.body.changes())
        return Reply(stream_answer(ensured.input), status=201 if ensured.created else 200)

    @operation(
        "GET",
        CONFERENCE + "/create_stream",
        answers={200: StreamAnswer},
        tag=TAG,
        summary="The channel's live input",
    )
    async def get_stream(call: Call[Nothing, Nothing]) -> Reply:
        """404 when nobody has made one yet."""
        channel = await channels.visible(call.caller, call.path["channel_id"])
        return Reply(stream_answer(await streams.get(channel)))

    @operation(
        "GET",
        CONFERENCE + "/recorded_streams",
        query=PageQuery,
        answers={200: RecordingPage},
        tag=TAG,
        summary="Recordings of the channel, newest first",
    )
    async def list_recordings(call: Call[PageQuery, Nothing]) -> Reply:
        channel = await channels.visible(call.caller, call.path["channel_id"])
        page = await catalogue.recordings(channel, call.query.request(by_uuid=False))
        made_in = await sessions.of_recordings(channel.id, page.items)
        shown = results(page, lambda each: _recording(each, made_in.get(each.uid)))
        return Reply(RecordingPage(**links(call, page), results=shown))

    @operation(
        "GET",
        ORGANIZATION + "/conference/streams",
        query=StreamQuery,
        answers={200: ListedStreamPage},
        tag=TAG,
        summary="Live inputs of the organization, newest first",
    )
    async def list_streams(call: Call[StreamQuery, Nothing]) -> Reply:
        page = await catalogue.streams(
            call.path["organization_id"],
            call.query.request(by_uuid=True),
            search=call.query.search,
            state=Phase(call.query.state) if call.query.state else None,
            user_id=call.caller.user.id if call.caller.user else None,
        )
        return Reply(ListedStreamPage(**links(call, page), results=results(page, _listed)))

    @operation(
        "GET",
        ORGANIZATION + "/conference/recorded_streams/{recording_uid}",
        answers={200: RecordingAnswer},
        tag=TAG,
        summary="One recording of the organization",
    )
    async def get_recording(call: Call[Nothing, Nothing]) -> Reply:
        """By its uid, also when its channel is deleted. That of a channel the caller cannot see is a 404 to him."""
        recording, channel_id = await catalogue.recording(call.caller, call.path["recording_uid"].hex)
        made_in = await sessions.of_recordings(channel_id, [recording])
        return Reply(_recording(recording, made_in.get(recording.uid)))

    return [ensure_stream, get_stream, list_recordings, list_streams, get_recording]


def stream_answer(live_input: LiveInput) -> StreamAnswer:
    """The live input as its owner is shown it."""
    return StreamAnswer(
        rtmps_url=live_input.rtmps_url,
        rtmp_url=live_input.rtmp_url,
        view_url=live_input.playback.hls,
        stream_key=live_input.stream_key,
        stream_uid=live_input.uid,
        slate_image_url=live_input.options.slate_image_url,
        reconnect_timeout=live_input.options.reconnect_timeout,
        latency_mode=live_input.options.latency_mode,
        enabled=live_input.enabled,
    )


def _recording(recording: Recording, session_id: UUID | None) -> RecordingAnswer:
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
    """Cloudflare's placeholders, which clients of this API know, for what the provider does not (yet) know."""
    return placeholder if value is None else value


def _listed(listed: ListedStream) -> ListedStreamAnswer:
    return ListedStreamAnswer(
        channel=listed.stream.channel_id,
        channel_name=listed.stream.channel_name,
        created=listed.stream.created_at,
        uid=listed.stream.uid,
        rtmps_url=listed.rtmps_url,
        view_url=listed.view_url,
        thumbnail=listed.thumbnail,
        state=listed.summary.state,
        viewer_count=listed.summary.viewer_count,
    )
