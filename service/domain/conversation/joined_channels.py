"""A user's channels with their unread counts, and direct channels, of which each set of users has one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID, uuid4

from service.clock import Clock
from service.domain.access.accounts import Identity
from service.domain.access.ports import DirectoryStore
from service.domain.access.rules import only_self
from service.domain.conversation.changes import ChannelAdded
from service.domain.conversation.channel_pages import page_of_channels
from service.domain.conversation.channels import first_members, require_known
from service.domain.conversation.ports import ConversationTransaction, MemberStore
from service.domain.entities import Channel, ChannelType, Joined
from service.domain.errors import Invalid, NotFound
from service.domain.events.ports import Transactions
from service.domain.paging import Page, PageRequest

MAX_DIRECT_MEMBERS = 50
"""The most members of a direct channel."""

NO_OTHER_MEMBER = "Name at least one other person."


class JoinedChannels:
    """A user's own channels. Every method may raise Forbidden (for another user's) and Unavailable."""

    def __init__(self, store: MemberStore) -> None:
        self._store = store

    async def list(
        self,
        client: Identity,
        user_id: UUID,
        ordering: str,
        request: PageRequest,
        *,
        direct: bool = False,
        active: bool | None = None,
    ) -> Page[Joined]:
        """List the channels. `direct`: only direct ones. `active`: all channels are; False gives an empty page."""
        only_self(client, user_id)
        if active is False:
            return Page([])

        async def ask(order: str, wanted: PageRequest, since: datetime | None) -> Sequence[Joined]:
            return await self._store.joined(user_id, order, wanted, direct=direct, since=since)

        return await page_of_channels(ordering, request, ask, lambda each: each.channel)

    async def get(self, client: Identity, user_id: UUID, channel_id: UUID, *, direct: bool = False) -> Joined:
        """Return a channel. Raise NotFound if the user is not a member."""
        only_self(client, user_id)
        found = await self._store.joined_channel(user_id, channel_id)
        if found is None or (direct and found.channel.type is not ChannelType.DIRECT):
            raise NotFound
        return found


class DirectChannels:
    """Opens direct channels."""

    def __init__(
        self,
        transactions: Transactions[ConversationTransaction],
        joined: JoinedChannels,
        directory: DirectoryStore,
        clock: Clock,
    ) -> None:
        self._transactions = transactions
        self._joined = joined
        self._directory = directory
        self._clock = clock

    async def open(self, client: Identity, user_id: UUID, others: tuple[UUID, ...]) -> tuple[Channel, bool]:
        """Return the channel of exactly these users, and whether it is new. Raise Forbidden, Invalid or Unavailable."""
        only_self(client, user_id)
        people = frozenset(others) | {user_id}
        if len(people) == 1:
            raise Invalid({"members": [NO_OTHER_MEMBER]})
        await require_known(self._directory, client.organization.id, tuple(dict.fromkeys(others)), "members")
        new = _channel(client.organization.id, user_id, len(people), self._clock.now())
        key = direct_key(client.organization.id, people)
        async with self._transactions.transaction() as tx:
            channel_id, made = await tx.directs.open_direct(new, key, people)
            if made:
                tx.record(ChannelAdded(new, await first_members(tx, new)))
        return (await self._joined.get(client, user_id, channel_id)).channel, made


def direct_key(organization_id: UUID, people: Iterable[UUID]) -> str:
    """Return a key of a set of users, independent of their order."""
    named = ",".join([str(organization_id), *sorted({str(each) for each in people})])
    return hashlib.sha256(named.encode()).hexdigest()


def _channel(organization_id: UUID, creator_id: UUID, people: int, now: datetime) -> Channel:
    return Channel(
        id=uuid4(),
        organization_id=organization_id,
        creator_id=creator_id,
        name="",
        description="",
        avatar_url=None,
        is_private=True,
        type=ChannelType.DIRECT,
        created_at=now,
        updated_at=now,
        latest_message_created_at=now,
        member_count=people,
    )
