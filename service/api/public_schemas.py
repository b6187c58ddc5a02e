"""The two public endpoints as the OpenAPI document tells of them; `public_stream.py` serves them."""

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
    "`on`: the stream that is on air is recorded. `stopped_disk_full`: it goes on, but is no longer recorded, because the disk of "
    "the server is nearly full. `refused_disk_full`: nothing is on air, and no stream can begin for the same reason. "
    "null: nothing is on air, or the provider does not say."
)


class StreamStatus(BaseModel):
    """What stream_status answers. The first three are the Pub API's, the rest is ours."""

    is_connected: bool
    is_watchable: bool
    seconds_until_watchable: int = Field(
        ge=0, description="0 once a player can play, and while nothing is coming. It never rises while a stream starts."
    )
    state: Phase
    reason: str | None
    poll_after_ms: int = Field(ge=0, description="Ask again after this many milliseconds.")
    viewer_count: int = Field(ge=0, description=WATCHING)
    tracks: Literal["audio+video", "video", "audio"] | None = Field(
        description=(
            "Tracks that the live stream offers; null if there is nothing to play or the provider does not say. "
            "Load the manifest again when this changes while the stream is watchable."
        )
    )
    recording: RecordingState | None = Field(description=RECORDING)
    as_of: AwareDatetime | None = Field(None, description="Only when degraded: when the state was last known.")
    viewer_count_as_of: AwareDatetime | None = Field(None, description="Only when the count stands still: since when.")
    degraded: Literal[True] | None = Field(None, description="Something this rests on is away; the last good answer.")
    counted: bool | None = Field(None, description=COUNTED)
    not_counted_because: Reason | None = Field(None, description=NOT_COUNTED_BECAUSE)


class Visitor(BaseModel):
    """Who asks."""

    visitor_id: str | None = Field(
        None,
        description=(
            f"Counts the visitor as a viewer while the stream is watchable. At most {MAX_VISITOR_ID} characters: 400 for a longer "
            "one. The header `X-Visitor-Id` does the same where there is none here, and a visitor's Bearer token goes before both. "
            "A token that has expired or is invalid never fails the request: `counted` says that it did not count."
        ),
        max_length=MAX_VISITOR_ID,
    )


class StreamViewerCount(BaseModel):
    """What stream_viewer_count answers."""

    viewer_count: int = Field(ge=0, description=WATCHING)
    as_of: AwareDatetime | None = Field(None, description="Only when the count stands still: since when.")
    counted: Literal[False] | None = Field(None, description=COUNTED)
    not_counted_because: Reason | None = Field(None, description=NOT_COUNTED_BECAUSE)


class EventStream(RootModel[str]):
    """Server-Sent Events; the data of each is a StreamStatus."""


def operations() -> list[Operation]:
    """For the document only."""
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
    "For players: no credentials. Poll at the pace the answer asks for. Private channels answer, too, because their players poll "
    "without credentials: a channel id cannot be guessed, and the answer contains no name and no address."
)
NOT_HERE = "It counts nobody: a request that names a visitor is answered `counted: false`."
EVENTS_DESCRIPTION = (
    "Server-Sent Events (text/event-stream): an event `status` with what stream_status answers, at once and whenever it changes: "
    "a client that comes back has missed nothing. A comment every 15 s. With a `visitor_id` the visitor counts while connected; "
    "each event says in `counted` whether it does. A token is checked when the stream is opened. 429 and 503 mean: poll "
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
