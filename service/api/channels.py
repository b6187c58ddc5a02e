"""Channels of an organization."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from service.api.message_schemas import MessageAnswer, message_answer
from service.domain.conversation.channel_pages import DEFAULT_ORDERING, ORDERINGS
from service.domain.conversation.channels import (
    MAX_DESCRIPTION,
    MAX_FIRST_MEMBERS,
    MAX_NAME,
    Channels,
    NewChannel,
)
from service.domain.entities import Channel, ChannelType
from service.domain.names import NAME_PATTERN
from service.domain.paging import known_ordering
from service.http.fields import TEXT_PATTERN, HttpUrl, Id, Moment, Trimmed, Visible
from service.http.operation import Call, Nothing, Operation, Reply, operation
from service.http.pagination import PageQuery, SearchQuery, page_reply, page_request
from service.http.schemas import Answer, PageAnswer, without_defaults

PATH = "/api/pub/v1/orgs/{organization_id}/channels"
CHANNEL = PATH + "/{channel_id}"
TAG = "Channels"


Name = Annotated[str, Field(max_length=MAX_NAME, pattern=NAME_PATTERN), Trimmed, Visible]
Description = Annotated[str, Field(max_length=MAX_DESCRIPTION, pattern=TEXT_PATTERN)]


class ChannelChanges(BaseModel):
    """The fields to change. Fields that are not sent keep their values. Members are changed through their own endpoints."""

    model_config = ConfigDict(json_schema_extra=without_defaults)

    name: Name = ""
    description: Description = ""
    avatar_url: HttpUrl | None = None
    is_private: bool = False
    is_village: bool = False
    is_default_channel: bool = Field(
        False,
        description="Whether this is the organization's default channel. Only one channel can be, and it must be public.",
    )

    def changes(self) -> dict[str, Any]:
        """Return the fields that were sent."""
        return {name: getattr(self, name) for name in self.model_fields_set}


class ChannelReplacement(BaseModel):
    """The new values of the channel. Fields that are not sent are reset to their defaults."""

    name: Name
    description: Description = ""
    avatar_url: HttpUrl | None = None
    is_private: bool = False
    is_village: bool = False

    def values(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ChannelReplacement.model_fields}


class ChannelBody(ChannelReplacement):
    """The fields of a new channel. Unknown fields are ignored."""

    members: Annotated[list[Id], Field(max_length=MAX_FIRST_MEMBERS)] = Field(
        [], description="Users to add as the first members, besides the authenticated user."
    )
    type: Literal[2, 3, 4, 5] = Field(
        2, description="2: ordinary, 3: reporting, 4: private, 5: announcements (only admins can post)."
    )

    def new(self) -> NewChannel:
        return NewChannel(**self.values(), members=tuple(self.members), type=ChannelType(self.type))


class ChannelAnswer(Answer):
    """A channel of the Pub API."""

    id: UUID
    organization_id: UUID
    name: str
    description: str
    avatar_url: str | None
    created_at: Moment
    updated_at: Moment
    is_direct_message: bool
    latest_message: MessageAnswer | None
    latest_message_created_at: Moment
    member_count: int
    is_private: bool
    is_default_channel: bool
    is_village: bool
    is_active: bool
    type: ChannelType


class ChannelPage(PageAnswer):
    results: list[ChannelAnswer]


class OrderedQuery(PageQuery):
    """Query parameters of every list of channels."""

    ordering: str = Field(
        DEFAULT_ORDERING, description="created_at or latest_message_created_at, with a leading - for descending."
    )

    @property
    def known_ordering(self) -> str:
        return known_ordering(self.ordering, ORDERINGS, DEFAULT_ORDERING)


class ChannelQuery(OrderedQuery, SearchQuery):
    """Query parameters of the organization's channels. A user's own channels cannot be searched."""


def operations(channels: Channels) -> list[Operation]:
    """Return the operations of this resource."""
    return [*_of_all(channels), *_of_one(channels)]


def _of_all(channels: Channels) -> list[Operation]:
    @operation(
        "GET", PATH, query=ChannelQuery, answers={200: ChannelPage}, tag=TAG, summary="Channels of the organization"
    )
    async def list_channels(call: Call[ChannelQuery, Nothing]) -> Reply:
        """Return the public channels and the private channels that the user is a member of. An unknown ordering is ignored."""
        page = await channels.list(
            call.path["organization_id"],
            call.query.ordering,
            page_request(call, by_uuid=True),
            call.client.user_id,
            search=call.query.search,
        )
        return page_reply(ChannelPage, call, page, channel_answer)

    @operation("POST", PATH, body=ChannelBody, answers={201: ChannelAnswer}, tag=TAG, summary="Create a channel")
    async def create_channel(call: Call[Nothing, ChannelBody]) -> Reply:
        """Create a channel with the authenticated user as its first member and admin.

        With an organization token, the first user in `members` becomes the admin. Organization tokens administer a
        channel that has no admin.
        """
        channel = await channels.create(call.path["organization_id"], call.client.user_id, call.body.new())
        return Reply(channel_answer(channel), status=201)

    return [list_channels, create_channel]


def _of_one(channels: Channels) -> list[Operation]:
    @operation("GET", CHANNEL, answers={200: ChannelAnswer}, tag=TAG, summary="Retrieve a channel")
    async def get_channel(call: Call[Nothing, Nothing]) -> Reply:
        """Return a channel. 404 for a private or direct channel that the user is not a member of."""
        return Reply(channel_answer(await channels.visible(call.client, call.path["channel_id"])))

    @operation(
        "PUT",
        CHANNEL,
        body=ChannelReplacement,
        answers={200: ChannelAnswer},
        errors=(409,),
        tag=TAG,
        summary="Replace a channel",
    )
    async def replace_channel(call: Call[Nothing, ChannelReplacement]) -> Reply:
        """Replace a channel. Requires an admin of the channel. Fields that are not sent are reset to their defaults.

        `is_default_channel` is not changed. 409 if the default channel would become private.
        """
        return Reply(channel_answer(await channels.change(call.client, call.path["channel_id"], call.body.values())))

    @operation(
        "PATCH",
        CHANNEL,
        body=ChannelChanges,
        answers={200: ChannelAnswer},
        errors=(409,),
        tag=TAG,
        summary="Change a channel",
    )
    async def change_channel(call: Call[Nothing, ChannelChanges]) -> Reply:
        """Change the fields that are sent. Requires an admin of the channel.

        409 if another channel is the organization's default, or if the default channel would become private.
        """
        return Reply(channel_answer(await channels.change(call.client, call.path["channel_id"], call.body.changes())))

    @operation("DELETE", CHANNEL, answers={204: None}, tag=TAG, summary="Delete a channel")
    async def delete_channel(call: Call[Nothing, Nothing]) -> Reply:
        """Delete a channel and end its stream. Requires an admin of the channel. Recordings are kept."""
        await channels.delete(call.client, call.path["channel_id"])
        return Reply(None, status=204)

    return [get_channel, replace_channel, change_channel, delete_channel]


def channel_answer(channel: Channel) -> ChannelAnswer:
    return ChannelAnswer(**channel_values(channel))


def channel_values(channel: Channel) -> dict[str, Any]:
    """Return the fields of `ChannelAnswer`, for answers that extend it."""
    latest = channel.latest_message
    return {
        "id": channel.id,
        "organization_id": channel.organization_id,
        "name": channel.name,
        "description": channel.description,
        "avatar_url": channel.avatar_url,
        "created_at": channel.created_at,
        "updated_at": channel.updated_at,
        "is_direct_message": channel.type is ChannelType.DIRECT,
        "latest_message": None if latest is None else message_answer(latest),
        "latest_message_created_at": channel.latest_message_created_at,
        "member_count": channel.member_count,
        "is_private": channel.is_private,
        "is_default_channel": channel.is_default_channel,
        "is_village": channel.is_village,
        "is_active": True,
        "type": channel.type,
    }
