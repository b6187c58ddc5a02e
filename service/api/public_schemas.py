"""The OpenAPI description of the public endpoints that `public_stream.py` and `stream_events.py` serve."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from pydantic import AwareDatetime, BaseModel, Field, RootModel

from providers.base import Phase
from providers.health import RecordingState
from service.api.visitor_identity import MAX_VISITOR_ID, Counting
from service.http.operation import PUBLIC_ERRORS, Call, Nothing, Operation, Reply

PREFIX = "/api/pub/public/v1/orgs/"
STATUS = "stream_status"
VIEWER_COUNT = "stream_viewer_count"
EVENTS = "stream_events"
PATH = PREFIX + "{organization_id}/channels/{channel_id}/conference/"

WATCHING = "Distinct visitors of the last two minutes; 0 while the stream cannot be watched."
COUNTED = (
    "Only where the request names a visitor: whether this request counted the visitor as a viewer. `false` until the stream is "
    "watchable."
)
NOT_COUNTED_BECAUSE = (
    "Only when `counted` is false. `invalid_token`: the Bearer token is forged, expired, or not a visitor token of this "
    "organization, and no visitor id is sent beside it; get a new token. `empty_visitor_id`: the visitor id is empty. "
    "`not_watchable`: there is nothing to watch yet, or no longer. `not_counted_here`: only stream_status and stream_events count "
    "viewers."
)
Reason = Literal[Counting.INVALID_TOKEN, Counting.EMPTY_VISITOR_ID, Counting.NOT_WATCHABLE, Counting.NOT_COUNTED_HERE]


RECORDING = (
    "`on`: the live stream is recorded. `stopped_disk_full`: the stream continues without recording because the server's disk is "
    "nearly full. `refused_disk_full`: nothing is live, and no stream can start for the same reason. "
    "null: nothing is live, or the provider does not report it."
)


class StreamStatus(BaseModel):
    """State of a channel's stream. The first three fields are the Pub API's; the others are extensions."""

    is_connected: bool
    is_watchable: bool
    seconds_until_watchable: int = Field(
        ge=0,
        description="0 once the stream is watchable, and while no stream is starting. Never increases while a stream starts.",
    )
    state: Phase
    reason: str | None
    poll_after_ms: int = Field(ge=0, description="Delay before the next poll, in milliseconds.")
    viewer_count: int = Field(ge=0, description=WATCHING)
    tracks: Literal["audio+video", "video", "audio"] | None = Field(
        description=(
            "Tracks that the live stream offers; null if there is nothing to play or the provider does not report them. "
            "Load the manifest again when this changes while the stream is watchable."
        )
    )
    recording: RecordingState | None = Field(description=RECORDING)
    as_of: AwareDatetime | None = Field(None, description="Only when degraded: when the state was last known.")
    viewer_count_as_of: AwareDatetime | None = Field(
        None, description="Only when the viewer count is out of date: its time."
    )
    degraded: Literal[True] | None = Field(
        None, description="A dependency is unavailable; this is the last known state."
    )
    counted: bool | None = Field(None, description=COUNTED)
    not_counted_because: Reason | None = Field(None, description=NOT_COUNTED_BECAUSE)


class Visitor(BaseModel):
    """The visitor that sends the request."""

    visitor_id: str | None = Field(
        None,
        description=(
            f"Counts the visitor as a viewer while the stream is watchable. At most {MAX_VISITOR_ID} characters; 400 if longer. "
            "Alternatively, send the header `X-Visitor-Id` or a visitor's Bearer token. The token takes precedence, then this "
            "parameter. An expired or invalid token never fails the request: `counted` is then false."
        ),
        max_length=MAX_VISITOR_ID,
    )


class StreamViewerCount(BaseModel):
    """Number of viewers of a channel's stream."""

    viewer_count: int = Field(ge=0, description=WATCHING)
    as_of: AwareDatetime | None = Field(None, description="Only when the viewer count is out of date: its time.")
    counted: Literal[False] | None = Field(None, description=COUNTED)
    not_counted_because: Reason | None = Field(None, description=NOT_COUNTED_BECAUSE)


class EventStream(RootModel[str]):
    """Server-Sent Events; the data of each is a StreamStatus."""


def operations() -> list[Operation]:
    """Return the operations for the OpenAPI document."""
    return [
        _documented(STATUS, StreamStatus, Visitor, "State of a channel's stream"),
        replace(
            _documented(VIEWER_COUNT, StreamViewerCount, Nothing, "Viewers of a channel's stream"),
            description=f"{POLLED} {NOT_HERE}",
        ),
        replace(
            _documented(EVENTS, StreamStatus, Visitor, "State of a channel's stream, pushed when it changes"),
            answers={200: EventStream},
            media_type="text/event-stream",
            description=EVENTS_DESCRIPTION,
        ),
    ]


POLLED = (
    "For players; no credentials are required. Wait `poll_after_ms` between polls. Private channels are included, because their "
    "players poll without credentials: a channel id cannot be guessed, and the response contains no name and no address."
)
NOT_HERE = "This endpoint does not count viewers: a request that names a visitor returns `counted: false`."
EVENTS_DESCRIPTION = (
    "Server-Sent Events (text/event-stream): a `status` event with the response of stream_status, sent on connection and on every "
    "change. A client that reconnects misses nothing. A comment is sent every 15 s. With a `visitor_id` the visitor counts while "
    "connected; `counted` in each event confirms it. A token is validated when the connection opens. On 429 or 503, poll "
    "stream_status instead."
)


def _documented(endpoint: str, answer: type[BaseModel], query: type[BaseModel], summary: str) -> Operation:
    async def served_elsewhere(call: Call[BaseModel, Nothing]) -> Reply:
        raise NotImplementedError

    served_elsewhere.__name__ = f"get_{endpoint}"
    return Operation(
        method="GET",
        path=PATH + endpoint,
        handler=served_elsewhere,
        answers={200: answer, 304: None},
        query=query,
        body=Nothing,
        errors=(400, *PUBLIC_ERRORS),
        public=True,
        tag="Public",
        summary=summary,
        description=POLLED,
    )
