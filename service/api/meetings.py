"""Meetings: tokens to join a channel's meeting, and the active meetings."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from service.api.conference import CONFERENCE, ORGANIZATION
from service.domain.conversation.channels import MAX_URL, Channels
from service.domain.conversation.meetings import MAX_PARTICIPANT, Guest, Meetings
from service.domain.conversation.presence import ActiveConference
from service.domain.names import OPTIONAL_NAME_PATTERN
from service.http.fields import TEXT_PATTERN, Trimmed, Visible
from service.http.operation import Call, Nothing, Operation, Reply, operation
from service.http.pagination import PageQuery, page_reply, page_request
from service.http.schemas import Answer, PageAnswer

TAG = "Meetings"

MAX_NAME = 512
MAX_EMAIL = 320
"""In characters, like those of the user directory."""


def _text(limit: int) -> object:
    return Field(max_length=limit, pattern=TEXT_PATTERN)


class MeetingUser(BaseModel):
    """The participant. `id` and `email` are used only with organization tokens."""

    id: Annotated[str, _text(MAX_PARTICIPANT)] | None = None
    name: Annotated[str, Field(max_length=MAX_NAME, pattern=OPTIONAL_NAME_PATTERN), Trimmed, Visible] | None = None
    email: Annotated[str, _text(MAX_EMAIL)] | None = None
    avatar: Annotated[str, _text(MAX_URL)] | None = None


class MeetingBody(BaseModel):
    group: UUID | None = Field(None, description="The organization, as in the path.")
    user: MeetingUser = MeetingUser()


class MeetingTokenAnswer(Answer):
    """A JWT for Jitsi's token authentication; its `room` is the channel's id."""

    token_type: Literal["bearer"]
    access_token: str = Field(repr=False)
    expires_in: int = Field(description="Seconds.")


class ActiveConferenceAnswer(Answer):
    """A channel with an active meeting."""

    channel_id: UUID
    participant_count: int
    joined: bool = Field(description="Whether the user in the path is in the meeting.")


class ActiveConferencePage(PageAnswer):
    results: list[ActiveConferenceAnswer]


def operations(channels: Channels, meetings: Meetings) -> list[Operation]:
    """Return the operations of this resource."""

    @operation(
        "POST",
        CONFERENCE + "/token",
        body=MeetingBody,
        answers={200: MeetingTokenAnswer},
        tag=TAG,
        summary="Create a token to join the channel's meeting",
    )
    async def issue_meeting_token(call: Call[Nothing, MeetingBody]) -> Reply:
        """Return a meeting token. The body is optional: fields that are not sent come from the user directory."""
        channel = await channels.visible(call.client, call.path["channel_id"])
        who = call.body.user
        guest = Guest(who.id, who.name, who.email, who.avatar)
        token = await meetings.issue(channel, call.client, call.body.group, guest)
        return Reply(
            MeetingTokenAnswer(token_type="bearer", access_token=token.access_token, expires_in=token.expires_in)  # noqa: S106
        )

    @operation(
        "GET",
        ORGANIZATION + "/users/{user_id}/active_conferences",
        query=PageQuery,
        answers={200: ActiveConferencePage},
        tag=TAG,
        summary="Active meetings of the organization",
    )
    async def list_active_conferences(call: Call[PageQuery, Nothing]) -> Reply:
        """Return the meetings that the authenticated user can see, newest channel first."""
        organization_id, user_id = call.path["organization_id"], call.path["user_id"]
        page = await meetings.active(organization_id, user_id, call.client, page_request(call, by_uuid=True))
        return page_reply(ActiveConferencePage, call, page, _active)

    return [issue_meeting_token, list_active_conferences]


def _active(conference: ActiveConference) -> ActiveConferenceAnswer:
    return ActiveConferenceAnswer(
        channel_id=conference.channel_id,
        participant_count=conference.participant_count,
        joined=conference.joined,
    )
