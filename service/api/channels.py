"""Channels of an organization."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, Field

from service.api.contract import Call, Nothing, Operation, Reply, operation
from service.api.fields import NAME_PATTERN, TEXT_PATTERN, HttpUrl, Moment, Trimmed
from service.api.pagination import PageQuery, links, results
from service.api.schemas import Answer, PageAnswer
from service.domain.channels import DEFAULT_ORDERING, MAX_DESCRIPTION, MAX_NAME, Channels, NewChannel
from service.domain.entities import Channel, ChannelType

PATH = "/api/pub/v1/orgs/{organization_id}/channels"
TAG = "Channels"


class ChannelBody(BaseModel):
    """What a new channel may be given. Members not listed are ignored."""

    name: Annotated[str, Field(max_length=MAX_NAME, pattern=NAME_PATTERN), Trimmed]
    description: Annotated[str, Field(max_length=MAX_DESCRIPTION, pattern=TEXT_PATTERN)] = ""
    avatar_url: HttpUrl | None = None
    is_private: bool = False


class ChannelAnswer(Answer):
    """A channel of the Pub API. Messages and members come with a later release: their members stand at their first values."""

    id: UUID
    organization_id: UUID
    name: str
    description: str
    avatar_url: str | None
    created_at: Moment
    updated_at: Moment
    is_direct_message: bool
    latest_message: dict[str, Any] | None
    latest_message_created_at: Moment
    member_count: int
    is_private: bool
    is_default_channel: bool
    is_village: bool
    is_active: bool
    type: ChannelType


class ChannelPage(PageAnswer):
    results: list[ChannelAnswer]


class ChannelQuery(PageQuery):
    ordering: str = Field(
        DEFAULT_ORDERING, description="created_at or latest_message_created_at, with a leading - for descending."
    )


def operations(channels: Channels) -> list[Operation]:
    """The operations of this resource."""

    @operation(
        "GET", PATH, query=ChannelQuery, answers={200: ChannelPage}, tag=TAG, summary="Channels of the organization"
    )
    async def list_channels(call: Call[ChannelQuery, Nothing]) -> Reply:
        """An ordering nobody knows is the default one."""
        request = call.query.request(by_uuid=True)
        page = await channels.list(call.path["organization_id"], call.query.ordering, request)
        return Reply(ChannelPage(**links(call, page), results=results(page, channel_answer)))

    @operation("POST", PATH, body=ChannelBody, answers={201: ChannelAnswer}, tag=TAG, summary="Make a channel")
    async def create_channel(call: Call[Nothing, ChannelBody]) -> Reply:
        creator = call.caller.user
        new = NewChannel(call.body.name, call.body.description, call.body.avatar_url, call.body.is_private)
        channel = await channels.create(call.path["organization_id"], creator.id if creator else None, new)
        return Reply(channel_answer(channel), status=201)

    @operation("GET", PATH + "/{channel_id}", answers={200: ChannelAnswer}, tag=TAG, summary="One channel")
    async def get_channel(call: Call[Nothing, Nothing]) -> Reply:
        return Reply(channel_answer(await channels.get(call.path["organization_id"], call.path["channel_id"])))

    return [list_channels, create_channel, get_channel]


def channel_answer(channel: Channel) -> ChannelAnswer:
    return ChannelAnswer(
        id=channel.id,
        organization_id=channel.organization_id,
        name=channel.name,
        description=channel.description,
        avatar_url=channel.avatar_url,
        created_at=channel.created_at,
        updated_at=channel.updated_at,
        is_direct_message=channel.type is ChannelType.DIRECT,
        latest_message=None,
        latest_message_created_at=channel.latest_message_created_at,
        member_count=1,
        is_private=channel.is_private,
        is_default_channel=False,
        is_village=False,
        is_active=True,
        type=channel.type,
    )
