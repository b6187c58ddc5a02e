"""Channels: create, find, list, change and delete."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import structlog

from providers.base import InputUid
from service.clock import Clock
from service.domain.access.accounts import Identity
from service.domain.access.ports import DirectoryStore
from service.domain.access.rules import enter, only_admin, only_admin_or_organization
from service.domain.conversation.changes import ChannelAdded, ChannelChanged, ChannelRemoved
from service.domain.conversation.channel_pages import page_of_channels
from service.domain.conversation.ports import ChannelListener, ChannelStore, ConversationTransaction
from service.domain.entities import Channel, ChannelType, ListedStream, Member
from service.domain.errors import DomainError, Invalid, NotFound, Unavailable
from service.domain.events.ports import Transactions
from service.domain.paging import Page, PageRequest

log = structlog.get_logger(__name__)

MAX_NAME = 255
"""The longest name of a channel, in characters."""

MAX_DESCRIPTION = 10_000
"""The longest description, in characters."""

MAX_URL = 2048
"""The longest URL the product stores, in characters."""

MAX_FIRST_MEMBERS = 500
"""The most members that a channel can be created with."""

NO_MEMBER = "A private channel needs at least one member."
UNKNOWN_USER = 'Invalid pk "{}" - object does not exist.'

StreamRow = Callable[[Channel], Awaitable[ListedStream | None]]
"""Returns the channel's row in the organization's list of streams; None if it has no live input. Errors: Unavailable."""

DeleteListener = Callable[[UUID], Awaitable[None]]
"""Called with the id of a channel that was just deleted, to end its stream. It may raise a DomainError; it is repeated later."""


@dataclass(frozen=True, slots=True)
class NewChannel:
    """The data of a new channel. `type`: its kind besides public or private."""

    name: str
    description: str = ""
    avatar_url: str | None = None
    is_private: bool = False
    is_village: bool = False
    type: ChannelType = ChannelType.DEFAULT
    members: tuple[UUID, ...] = ()


async def require_known(directory: DirectoryStore, organization_id: UUID, wanted: tuple[UUID, ...], field: str) -> None:
    """Raise Invalid if one of `wanted` is not a user of the organization."""
    if unknown := await directory.unknown_users(organization_id, wanted):
        raise Invalid({field: [UNKNOWN_USER.format(each) for each in wanted if each in unknown]})


class Channels:
    """Creates, finds, lists, changes and deletes channels. Every method may raise Unavailable."""

    def __init__(
        self,
        store: ChannelStore,
        transactions: Transactions[ConversationTransaction],
        clock: Clock,
        directory: DirectoryStore,
    ) -> None:
        self._store = store
        self._transactions = transactions
        self._clock = clock
        self._directory = directory
        self._listeners: list[ChannelListener] = []
        self._delete_listeners: list[DeleteListener] = []
        self._stream_row: StreamRow | None = None

    def read_streams(self, stream_row: StreamRow) -> None:
        """Use `stream_row` for the events of channels that enter the view of other users."""
        self._stream_row = stream_row

    def listen(self, listener: ChannelListener) -> None:
        """Call `listener` from now on, after every channel that is created or deleted."""
        self._listeners.append(listener)

    def on_delete(self, listener: DeleteListener) -> None:
        """Call `listener` from now on, for every channel that is deleted."""
        self._delete_listeners.append(listener)

    async def create(self, organization_id: UUID, creator_id: UUID | None, new: NewChannel) -> Channel:
        """Create a channel. Its creator is its first member and its admin; without a creator, the first of the members is.

        Raises:
            Invalid: A member is unknown, or a private channel would have no member.
        """
        is_private = new.is_private or new.type is ChannelType.PRIVATE
        if is_private and creator_id is None and not new.members:
            raise Invalid({"members": [NO_MEMBER]})
        if new.members:
            await require_known(self._directory, organization_id, new.members, "members")
        now = self._clock.now()
        member_ids = dict.fromkeys(each for each in (creator_id, *new.members) if each is not None)
        channel = Channel(
            id=uuid4(),
            organization_id=organization_id,
            creator_id=creator_id,
            name=new.name,
            description=new.description,
            avatar_url=new.avatar_url,
            is_private=is_private,
            type=_type(new.type, is_private),
            created_at=now,
            updated_at=now,
            latest_message_created_at=now,
            is_village=new.is_village,
            member_count=len(member_ids),
        )
        async with self._transactions.transaction() as tx:
            await tx.channels.add_channel(channel, member_ids)
            tx.record(ChannelAdded(channel, await first_members(tx, channel)))
        self._notify(channel)
        return channel

    async def get(self, organization_id: UUID, channel_id: UUID) -> Channel:
        """Return a channel without checking access. Raise NotFound, also for a channel of another organization."""
        channel = await self._store.channel(organization_id, channel_id)
        if channel is None:
            raise NotFound
        return channel

    async def visible(self, client: Identity, channel_id: UUID) -> Channel:
        """Return a channel that the client may see. Raise NotFound for any other."""
        return (await enter(self._store, client, channel_id)).channel

    async def controlled(self, client: Identity, channel_id: UUID) -> Channel:
        """Return a channel whose stream the client may control. Raise NotFound or Forbidden."""
        entry = await enter(self._store, client, channel_id)
        only_admin_or_organization(entry, client)
        return entry.channel

    async def list(
        self,
        organization_id: UUID,
        ordering: str,
        request: PageRequest,
        user_id: UUID | None = None,
        *,
        search: str = "",
    ) -> Page[Channel]:
        """List public channels and the user's private ones. An unknown ordering is the default one."""

        async def ask(order: str, wanted: PageRequest, since: datetime | None) -> Sequence[Channel]:
            return await self._store.channels(organization_id, order, wanted, user_id, search=search, since=since)

        return await page_of_channels(ordering, request, ask, lambda channel: channel)

    async def change(self, client: Identity, channel_id: UUID, values: Mapping[str, Any]) -> Channel:
        """Set fields of `NewChannel` (except for `members` and `type`), or `is_default_channel`.

        Raises:
            NotFound: The client may not see the channel.
            Forbidden: The client is not an admin.
            Conflict: The default channel would be private, or there would be two.
        """
        entry = await enter(self._store, client, channel_id)
        only_admin(entry)
        changed = dict(values)
        if "is_private" in changed:
            changed["type"] = _type(entry.channel.type, changed["is_private"])
        if not changed:
            return await self.get(client.organization.id, channel_id)
        stream = await self._stream(entry.channel) if "is_private" in changed else None
        async with self._transactions.transaction() as tx:
            before = await tx.channels.channel(client.organization.id, channel_id)
            if before is None or not await tx.channels.change_channel(channel_id, changed, self._clock.now()):
                raise NotFound
            after = await tx.channels.channel(client.organization.id, channel_id)
            if after is None:
                raise NotFound
            uid, call = await stream_uid(tx, channel_id), await tx.presence.present(channel_id, self._clock.now())
            tx.record(ChannelChanged(before, after, (*changed, "updated_at"), uid, stream, call))
        return after

    async def _stream(self, channel: Channel) -> ListedStream | None:
        if self._stream_row is None:
            return None
        try:
            return await self._stream_row(channel)
        except Unavailable as failure:  # the channel can be changed nevertheless
            log.warning("stream of a changed channel not read", channel=str(channel.id), reason=str(failure))
            return None

    async def delete(self, client: Identity, channel_id: UUID) -> None:
        """Delete a channel and end its stream; its recordings are kept. Raise NotFound, or Forbidden if the client is no admin."""
        entry = await enter(self._store, client, channel_id)
        only_admin(entry)
        async with self._transactions.transaction() as tx:
            channel = await tx.channels.channel(client.organization.id, channel_id)
            if channel is None or not await tx.channels.remove_channel(channel_id, self._clock.now()):
                raise NotFound
            tx.record(ChannelRemoved(channel, await tx.presence.present(channel_id, self._clock.now())))
        for listener in self._delete_listeners:
            try:
                await listener(channel_id)
            except DomainError as failure:
                log.warning("the stream of a deleted channel still runs", channel=str(channel_id), reason=str(failure))
        self._notify(entry.channel)

    def _notify(self, channel: Channel) -> None:
        for listener in self._listeners:
            listener(channel.organization_id, channel.id)


async def stream_uid(tx: ConversationTransaction, channel_id: UUID) -> InputUid | None:
    """Return the channel's live input, or None."""
    claim = await tx.claims.claimed(channel_id)
    return None if claim is None else claim.uid


async def first_members(tx: ConversationTransaction, channel: Channel) -> Sequence[Member]:
    """Return the members of a new channel."""
    if not channel.member_count:
        return ()
    return await tx.members.members(channel.id, "created_at", PageRequest(channel.member_count))


def _type(wanted: ChannelType, is_private: bool) -> ChannelType:
    """Return the type that fits `is_private`. Only default and private channels change theirs."""
    if wanted not in (ChannelType.DEFAULT, ChannelType.PRIVATE):
        return wanted
    return ChannelType.PRIVATE if is_private else ChannelType.DEFAULT
