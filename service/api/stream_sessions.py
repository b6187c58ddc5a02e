"""Stream sessions: start, stop and list them."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel, Field

from service.api.conference import CONFERENCE, TAG
from service.domain.conversation.channels import Channels
from service.domain.streams.session import StreamSession
from service.domain.streams.sessions import Sessions
from service.domain.streams.streams import Streams
from service.http.fields import Moment
from service.http.operation import Call, Nothing, Operation, Reply, operation
from service.http.pagination import PageQuery, page_reply, page_request
from service.http.schemas import Answer, PageAnswer

SESSIONS = CONFERENCE + "/stream_sessions"


class Action(StrEnum):
    """Action on the session."""

    START = "start"
    STOP = "stop"


class SessionBody(BaseModel):
    action: Action


class SessionAnswer(Answer):
    """The current session."""

    stream_session_id: UUID | None = Field(description="null if no session is running.")


class ListedSessionAnswer(Answer):
    """A session and its audience."""

    id: UUID
    started_at: Moment
    stopped_at: Moment | None = Field(description="null while the session is running.")
    peak_viewers: int = Field(description="Largest number of concurrent viewers.")
    unique_viewers: int = Field(
        description="Number of distinct visitors. May lag by some seconds while the session is running."
    )


class ListedSessionPage(PageAnswer):
    results: list[ListedSessionAnswer]


def operations(channels: Channels, streams: Streams, sessions: Sessions) -> list[Operation]:
    """Return the operations of this resource."""

    @operation(
        "POST",
        CONFERENCE + "/stream_session",
        body=SessionBody,
        answers={200: SessionAnswer},
        tag=TAG,
        summary="Start or stop the channel's stream session",
    )
    async def change_stream_session(call: Call[Nothing, SessionBody]) -> Reply:
        """Start or stop a session. Starting returns the running session if there is one; stopping without one is no error.

        A session also starts when an encoder connects, and stops when its broadcast ends.
        """
        channel = await channels.visible(call.client, call.path["channel_id"])
        if call.body.action is Action.START:
            return Reply(SessionAnswer(stream_session_id=(await sessions.start(channel)).id))
        stream = await streams.find_stream(channel.organization_id, channel.id)
        await sessions.stop(channel, None if stream is None else stream.input_uid)
        return Reply(SessionAnswer(stream_session_id=None))

    @operation(
        "GET",
        SESSIONS,
        query=PageQuery,
        answers={200: ListedSessionPage},
        tag=TAG,
        summary="Stream sessions of the channel, newest first",
    )
    async def list_stream_sessions(call: Call[PageQuery, Nothing]) -> Reply:
        """Return the sessions with their numbers of viewers."""
        channel = await channels.visible(call.client, call.path["channel_id"])
        page = await sessions.list(channel, page_request(call, by_uuid=True))
        return page_reply(ListedSessionPage, call, page, session_answer)

    return [change_stream_session, list_stream_sessions]


def session_answer(session: StreamSession) -> ListedSessionAnswer:
    return ListedSessionAnswer(
        id=session.id,
        started_at=session.started_at,
        stopped_at=session.stopped_at,
        peak_viewers=session.peak_viewers,
        unique_viewers=session.unique_viewers,
    )
