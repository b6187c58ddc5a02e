"""Streams: the live input of a channel, and the organization's list of them."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema

from providers.base import DEFAULT_RECONNECT_TIMEOUT, MAX_RECONNECT_TIMEOUT, LatencyMode, LiveInput, Phase
from providers.health import RecordingState
from service.api.public_schemas import RECORDING
from service.domain.conversation.channels import Channels
from service.domain.entities import ListedStream
from service.domain.streams.queries import StreamQueries
from service.domain.streams.streams import OptionChanges, Streams
from service.http.degraded import DEGRADED_HEADERS
from service.http.fields import HttpUrl, Moment, Whole
from service.http.operation import Call, Nothing, Operation, Reply, operation
from service.http.pagination import SearchQuery, page_reply, page_request
from service.http.schemas import Answer, PageAnswer, without_defaults

ORGANIZATION = "/api/pub/v1/orgs/{organization_id}"
CONFERENCE = ORGANIZATION + "/channels/{channel_id}/conference"
STREAM = CONFERENCE + "/create_stream"
STREAMS = ORGANIZATION + "/conference/streams"
TAG = "Streams"


class StreamBody(BaseModel):
    """Options of a live input. Options that are not sent keep their values. Defaults: no slate, 60 seconds, `standard`."""

    model_config = ConfigDict(json_schema_extra=without_defaults)

    slate_image_url: HttpUrl | None = Field(
        None, description="Image that players show while the stream is not watchable."
    )
    reconnect_timeout: Annotated[
        int | None,
        Field(ge=0, le=MAX_RECONNECT_TIMEOUT),
        Whole,
        WithJsonSchema({"type": ["integer", "null"], "minimum": 0, "maximum": MAX_RECONNECT_TIMEOUT}),
    ] = Field(
        None,
        description=f"Seconds to keep the broadcast open after the encoder disconnects. null: {DEFAULT_RECONNECT_TIMEOUT}.",
    )
    latency_mode: LatencyMode | None = Field(None, description="null: `standard`.")

    def changes(self) -> OptionChanges:
        """Return the options that were sent; null means the default."""
        sent = {name: getattr(self, name) for name in self.model_fields_set}
        defaulted = frozenset(name for name, value in sent.items() if value is None and name in _DEFAULTS)
        return OptionChanges(**sent | {name: _DEFAULTS[name] for name in defaulted}, defaulted=defaulted)


_DEFAULTS: dict[str, Any] = {
    "reconnect_timeout": DEFAULT_RECONNECT_TIMEOUT,
    "latency_mode": LatencyMode.STANDARD,
}


class StreamAnswer(Answer):
    """A live input, with its secret stream key."""

    rtmps_url: str
    rtmp_url: str | None
    view_url: str
    stream_key: str = Field(repr=False)
    stream_uid: str
    slate_image_url: str | None
    reconnect_timeout: int = Field(
        description="Seconds to keep the broadcast open after the encoder disconnects. This is the effective value: if none was "
        "requested, the supported value closest to the default. On Cloudflare, 0 means Cloudflare's own default."
    )
    latency_mode: LatencyMode
    enabled: bool = Field(description="Whether encoders may publish.")
    recording: RecordingState | None = Field(description=RECORDING)


class ListedStreamAnswer(Answer):
    """A live input in the organization's list, without its stream key."""

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


def _states(written: str) -> list[Phase]:
    names = [name.lower() for name in written.split(",") if name]
    if unknown := [name for name in names if name not in list(Phase)]:
        raise ValueError(f"Not a valid choice: {unknown[0]!r}. Expected one of {', '.join(Phase)}.")
    return [Phase(name) for name in names]


States = Annotated[
    list[Phase],
    PlainValidator(_states),
    WithJsonSchema({"type": "array", "items": {"type": "string", "enum": [*Phase, ""]}}),
]
"""States to filter by. Case-insensitive; an empty value means no filter."""


STATE_FILTER = (
    "Only streams in this state. Case-insensitive. Repeat the parameter to select several states. For `offline` and `ended`, and "
    "for any state on Cloudflare, a page may be short or empty although `next` is set: continue with `next`."
)


class StreamQuery(SearchQuery):
    state: States = Field([], description=STATE_FILTER)


def operations(channels: Channels, streams: Streams, queries: StreamQueries) -> list[Operation]:
    """Return the operations of this resource."""
    return [*_live_input(channels, streams), *_lists(queries)]


def _live_input(channels: Channels, streams: Streams) -> list[Operation]:
    @operation(
        "POST",
        STREAM,
        body=StreamBody,
        answers={200: StreamAnswer, 201: StreamAnswer},
        headers=DEGRADED_HEADERS,
        tag=TAG,
        summary="Ensure that the channel has a live input",
    )
    async def ensure_stream(call: Call[Nothing, StreamBody]) -> Reply:
        """Create the live input of the channel, or return the existing one (200). The body is optional."""
        channel = await channels.visible(call.client, call.path["channel_id"])
        ensured = await streams.ensure(channel, call.body.changes())
        status = 201 if ensured.created else 200
        return Reply(stream_answer(ensured.input), status, as_of=ensured.input.as_of)

    @operation(
        "GET",
        STREAM,
        answers={200: StreamAnswer},
        headers=DEGRADED_HEADERS,
        tag=TAG,
        summary="Retrieve the channel's live input",
    )
    async def get_stream(call: Call[Nothing, Nothing]) -> Reply:
        """Return the live input. 404 if it has not been created yet, or if it was deleted at the provider."""
        channel = await channels.visible(call.client, call.path["channel_id"])
        live_input = await streams.get(channel)
        return Reply(stream_answer(live_input), as_of=live_input.as_of)

    return [ensure_stream, get_stream]


def _lists(queries: StreamQueries) -> list[Operation]:
    @operation(
        "GET",
        STREAMS,
        query=StreamQuery,
        answers={200: ListedStreamPage},
        headers=DEGRADED_HEADERS,
        tag=TAG,
        summary="Live inputs of the organization, newest first",
    )
    async def list_streams(call: Call[StreamQuery, Nothing]) -> Reply:
        """Return the live inputs of public channels and of private channels that the user is a member of, without stream keys."""
        page = await queries.streams(
            call.path["organization_id"],
            page_request(call, by_uuid=True),
            search=call.query.search,
            states=frozenset(call.query.state),
            user_id=call.client.user_id,
        )
        return page_reply(ListedStreamPage, call, page, listed_stream_answer)

    return [list_streams]


def stream_answer(live_input: LiveInput) -> StreamAnswer:
    """Return the live input with its stream key."""
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
        recording=live_input.recording,
    )


def listed_stream_answer(listed: ListedStream) -> ListedStreamAnswer:
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
