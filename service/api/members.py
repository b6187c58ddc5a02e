"""Members of a channel. In paths, the user id identifies the member."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from service.api.message_schemas import TimeQuery
from service.api.people import PersonAnswer, person_answer
from service.domain.conversation.members import Members
from service.domain.conversation.ports import MemberChanges
from service.domain.entities import Member
from service.http.fields import Id, Instant, Moment
from service.http.operation import Call, Nothing, Operation, Reply, operation
from service.http.pagination import page_reply, page_request
from service.http.schemas import Answer, PageAnswer, without_defaults

PATH = "/api/pub/v1/orgs/{organization_id}/channels/{channel_id}/members"
MEMBER = PATH + "/{member_id}"
TAG = "Members"


class JoinBody(BaseModel):
    """The user to add to the channel."""

    member_id: Id


class MemberBody(BaseModel):
    """The fields to change. Unknown fields are ignored."""

    model_config = ConfigDict(json_schema_extra=without_defaults)

    last_seen_at: Instant | None = Field(None, description="Only the member can change it. May be in the future.")
    is_admin: bool = Field(False, description="Only admins of the channel can change it.")

    def changes(self) -> MemberChanges:
        sees = "last_seen_at" in self.model_fields_set
        seen: datetime | None = self.last_seen_at
        return MemberChanges(sees, seen, self.is_admin if "is_admin" in self.model_fields_set else None)


class MemberAnswer(Answer):
    """A member. `channel` and `channel_id` are the same."""

    id: UUID
    channel: UUID
    channel_id: UUID
    member_id: UUID
    organization_id: UUID
    created_at: Moment
    updated_at: Moment
    last_seen_at: Moment | None
    unread_message_count: int
    unread_mention_count: int
    is_admin: bool
    member: PersonAnswer


class MemberPage(PageAnswer):
    results: list[MemberAnswer]


def operations(members: Members) -> list[Operation]:
    """Return the operations of this resource."""

    @operation("GET", PATH, query=TimeQuery, answers={200: MemberPage}, tag=TAG, summary="Members of the channel")
    async def list_members(call: Call[TimeQuery, Nothing]) -> Reply:
        """Return the members, by default the most recently joined first."""
        request = page_request(call, by_uuid=True)
        page = await members.list(call.client, call.path["channel_id"], call.query.ordering, request)
        return page_reply(MemberPage, call, page, member_answer)

    @operation(
        "POST", PATH, body=JoinBody, answers={200: MemberAnswer, 201: MemberAnswer}, tag=TAG,
        summary="Add a member to a public channel",
    )  # fmt: skip
    async def add_member(call: Call[Nothing, JoinBody]) -> Reply:
        """Add a user, or return the existing member (200). 400 for private and direct channels: their members are fixed."""
        member, is_new = await members.add(call.client, call.path["channel_id"], call.body.member_id)
        return Reply(member_answer(member), status=201 if is_new else 200)

    @operation("GET", MEMBER, answers={200: MemberAnswer}, tag=TAG, summary="Retrieve a member")
    async def get_member(call: Call[Nothing, Nothing]) -> Reply:
        """Return a member. `member_id` is a user id. 404 if the user is not a member of the channel."""
        return Reply(member_answer(await members.get(call.client, *_named(call))))

    @operation(
        "PATCH", MEMBER, body=MemberBody, answers={200: MemberAnswer}, errors=(409,), tag=TAG, summary="Update a member"
    )
    async def change_member(call: Call[Nothing, MemberBody]) -> Reply:
        """Change `last_seen_at` (only the member) or `is_admin` (only an admin; 409 for the only admin).

        `last_seen_at` determines the unread counts.
        """
        return Reply(member_answer(await members.change(call.client, *_named(call), call.body.changes())))

    @operation(
        "DELETE", MEMBER, answers={204: None}, errors=(409,), tag=TAG, summary="Leave a channel, or remove a member"
    )
    async def remove_member(call: Call[Nothing, Nothing]) -> Reply:
        """Remove a member. Only admins can remove other members. 409 for the only admin, 403 for direct channels."""
        await members.remove(call.client, *_named(call))
        return Reply(None, status=204)

    return [list_members, add_member, get_member, change_member, remove_member]


def _named(call: Call[Any, Any]) -> tuple[UUID, UUID]:
    """Return the channel and the member that the path identifies."""
    return call.path["channel_id"], call.path["member_id"]


def member_answer(member: Member) -> MemberAnswer:
    return MemberAnswer(
        id=member.id,
        channel=member.channel_id,
        channel_id=member.channel_id,
        member_id=member.user.id,
        organization_id=member.organization_id,
        created_at=member.created_at,
        updated_at=member.updated_at,
        last_seen_at=member.last_seen_at,
        unread_message_count=member.unread_message_count,
        unread_mention_count=member.unread_mention_count,
        is_admin=member.is_admin,
        member=person_answer(member.user),
    )
