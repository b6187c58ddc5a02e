"""The two public endpoints as the OpenAPI document tells of them; `public_stream.py` serves them."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from pydantic import AwareDatetime, BaseModel, Field, RootModel

from providers.base import Phase
from service.api.contract import PUBLIC_ERRORS, Call, Nothing, Operation, Reply

PREFIX = "/api/pub/public/v1/orgs/"
STATUS = "stream_status"
VIEWER_COUNT = "stream_viewer_count"
EVENTS = "stream_events"
PATH = PREFIX + "{organization_id}/channels/{channel_id}/conference/"


class StreamStatus(BaseModel):
    """What stream_status answers. The first three are the Pub API's, the rest is ours."""

    is_connected: bool
    is_watchable: bool
    seconds_until_watchable: int = Field(ge=0, description="0 once a player can play.")
    state: Phase
    reason: str | None
    poll_after_ms: int = Field(ge=0, description="Ask again after this many milliseconds.")
    viewer_count: int = Field(ge=0, description="Distinct visitors of the last two minutes.")
    as_of: AwareDatetime | None = Field(None, description="Only when degraded: when the state was last known.")
    viewer_count_as_of: AwareDatetime | None = Field(None, description="Only when the count stands still: since when.")
    degraded: Literal[True] | None = Field(None, description="Something this rests on is away; the last good answer.")


class Visitor(BaseModel):
    """Who asks."""

    visitor_id: str | None = Field(
        None,
        description=(
            "Counts the visitor as a viewer. At most 128 characters. The header `X-Visitor-Id` does the same where there is "
            "none here, and a visitor's Bearer token goes before both."
        ),
    )


class StreamViewerCount(BaseModel):
    """What stream_viewer_count answers."""

    viewer_count: int = Field(ge=0, description="Distinct visitors of the last two minutes.")
    as_of: AwareDatetime | None = Field(None, description="Only when the count stands still: since when.")


class EventStream(RootModel[str]):
    """Server-Sent Events; the data of each is a StreamStatus."""


def operations() -> list[Operation]:
    """For the document only."""
    return [
        _documented(STATUS, StreamStatus, Visitor, "State of a channel's stream"),
        _documented(VIEWER_COUNT, StreamViewerCount, Nothing, "Viewers of a channel's stream"),
        replace(
            _documented(EVENTS, StreamStatus, Visitor, "State of a channel's stream, pushed when it changes"),
            answers={200: EventStream},
            media_type="text/event-stream",
            description=EVENTS_DESCRIPTION,
        ),
    ]


EVENTS_DESCRIPTION = (
    "Server-Sent Events (text/event-stream): an event `status` with what stream_status answers, at once and whenever it changes: "
    "whoever comes back has missed nothing. A comment every 15 s. With a `visitor_id` the visitor counts while connected. "
    "429 and 503 mean: poll stream_status instead."
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
        errors=PUBLIC_ERRORS,
        public=True,
        tag="Public",
        summary=summary,
        description="For players: no credentials. Poll at the pace the answer asks for.",
    )
