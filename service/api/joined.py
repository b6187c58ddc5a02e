"""A user's own channels: the joined channels and the direct channels."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from service.api.channels import ChannelAnswer, ChannelPage, OrderedQuery, channel_answer, channel_values
from service.api.notifications import SettingsAnswer, settings_answer
from service.domain.conversation.joined_channels import MAX_DIRECT_MEMBERS, DirectChannels, JoinedChannels
from service.domain.entities import Joined
from service.http.fields import Flag, Id
from service.http.operation import Call, Nothing, Operation, Reply, operation
from service.http.pagination import page_reply, page_request
from service.http.schemas import PageAnswer

USER = "/api/pub/v1/orgs/{organization_id}/users/{user_id}"
JOINED = USER + "/joined-channels"
DIRECT = USER + "/dm-channels"
TAG = "A user's channels"


class JoinedQuery(OrderedQuery):
    is_active: Flag = Field("", description="true or false. All existing channels are active.")

    def active(self) -> bool | None:
        return None if not self.is_active else self.is_active.lower() == "true"


class DirectBody(BaseModel):
    """The users of the direct channel. The authenticated user is always included; order and repetition do not matter."""

    members: Annotated[list[Id], Field(max_length=MAX_DIRECT_MEMBERS)]


class JoinedAnswer(ChannelAnswer):
    """A channel with the member's unread counts and notification settings."""

    unread_message_count: int
    unread_mention_count: int
    member_notification_settings: SettingsAnswer


class JoinedPage(PageAnswer):
    results: list[JoinedAnswer]


def operations(joined: JoinedChannels, directs: DirectChannels) -> list[Operation]:
    """Return the operations of this resource."""
    return [*_all_joined(joined), *_direct(joined, directs)]


def _all_joined(joined: JoinedChannels) -> list[Operation]:
    @operation(
        "GET",
        JOINED,
        query=JoinedQuery,
        answers={200: JoinedPage},
        tag=TAG,
        summary="Channels that the user has joined",
    )
    async def list_joined(call: Call[JoinedQuery, Nothing]) -> Reply:
        """Return the authenticated user's channels, including direct channels. 403 for another user's."""
        request = page_request(call, by_uuid=True)
        page = await joined.list(
            call.client, call.path["user_id"], call.query.ordering, request, active=call.query.active()
        )
        return page_reply(JoinedPage, call, page, joined_answer)

    @operation(
        "GET", JOINED + "/{channel_id}", answers={200: JoinedAnswer}, tag=TAG, summary="Retrieve a joined channel"
    )
    async def get_joined(call: Call[Nothing, Nothing]) -> Reply:
        """Return the channel with unread counts and notification settings. 404 if the user is not a member."""
        return Reply(joined_answer(await joined.get(call.client, call.path["user_id"], call.path["channel_id"])))

    return [list_joined, get_joined]


def _direct(joined: JoinedChannels, directs: DirectChannels) -> list[Operation]:
    @operation(
        "GET", DIRECT, query=OrderedQuery, answers={200: ChannelPage}, tag=TAG, summary="Direct channels of the user"
    )
    async def list_direct(call: Call[OrderedQuery, Nothing]) -> Reply:
        """Return the authenticated user's direct channels. 403 for another user's."""
        request = page_request(call, by_uuid=True)
        page = await joined.list(call.client, call.path["user_id"], call.query.ordering, request, direct=True)
        return page_reply(ChannelPage, call, page, _channel)

    @operation(
        "POST",
        DIRECT,
        body=DirectBody,
        answers={200: ChannelAnswer, 201: ChannelAnswer},
        tag=TAG,
        summary="Open a direct channel",
    )
    async def open_direct(call: Call[Nothing, DirectBody]) -> Reply:
        """Create the direct channel of these users, or return the existing one (200). Each set of users has one."""
        channel, is_new = await directs.open(call.client, call.path["user_id"], tuple(call.body.members))
        return Reply(channel_answer(channel), status=201 if is_new else 200)

    @operation(
        "GET", DIRECT + "/{channel_id}", answers={200: ChannelAnswer}, tag=TAG, summary="Retrieve a direct channel"
    )
    async def get_direct(call: Call[Nothing, Nothing]) -> Reply:
        """Return a direct channel. 404 if the channel is not direct or the user is not a member."""
        found = await joined.get(call.client, call.path["user_id"], call.path["channel_id"], direct=True)
        return Reply(_channel(found))

    return [list_direct, open_direct, get_direct]


def _channel(found: Joined) -> ChannelAnswer:
    return channel_answer(found.channel)


def joined_answer(found: Joined) -> JoinedAnswer:
    return JoinedAnswer(
        **channel_values(found.channel),
        unread_message_count=found.member.unread_message_count,
        unread_mention_count=found.member.unread_mention_count,
        member_notification_settings=settings_answer(found.member.settings),
    )
