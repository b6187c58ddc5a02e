"""Members of channels: join, leave, read position, admins, and notification settings."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from service.clock import Clock
from service.domain.access.accounts import Identity
from service.domain.access.ports import DirectoryStore
from service.domain.access.rules import enter, only_admin, only_self
from service.domain.conversation.changes import MemberAdded, MemberChanged, MemberRemoved, SettingsChanged
from service.domain.conversation.channels import require_known, stream_uid
from service.domain.conversation.ports import ConversationTransaction, MemberChanges, MemberStore
from service.domain.entities import Channel, ChannelType, ListedStream, Member, NotificationSettings, NotifyMode
from service.domain.errors import Forbidden, Invalid, NotFound
from service.domain.events.ports import Transactions
from service.domain.paging import Page, PageAnchor, PageRequest, cut, known_ordering

ORDERINGS = ("created_at", "-created_at")
DEFAULT_ORDERING = "-created_at"

StreamRowIn = Callable[[ConversationTransaction, Channel], Awaitable[ListedStream | None]]
"""Returns the row in a transaction; otherwise like `channels.StreamRow`."""

NO_ADMINS = "A direct channel has no admins."
PUBLIC_ONLY = "Members can be added to public channels only."


class Members:
    """Every method may raise NotFound (the client may not see the channel, or the user is not a member) and Unavailable."""

    def __init__(
        self,
        store: MemberStore,
        transactions: Transactions[ConversationTransaction],
        directory: DirectoryStore,
        clock: Clock,
    ) -> None:
        self._store = store
        self._transactions = transactions
        self._directory = directory
        self._clock = clock

    async def add(self, client: Identity, channel_id: UUID, user_id: UUID) -> tuple[Member, bool]:
        """Add a member. Return it and whether it is new. Raise Invalid if the channel is not public or the user is unknown."""
        entry = await enter(self._store, client, channel_id)
        if entry.channel.is_private or entry.is_direct:
            raise Invalid({"member_id": [PUBLIC_ONLY]})
        await require_known(self._directory, client.organization.id, (user_id,), "member_id")
        async with self._transactions.transaction() as tx:
            return await _add(tx, client.organization.id, channel_id, user_id, self._clock.now())

    async def list(self, client: Identity, channel_id: UUID, ordering: str, request: PageRequest) -> Page[Member]:
        await enter(self._store, client, channel_id)
        found = await self._store.members(channel_id, known_ordering(ordering, ORDERINGS, DEFAULT_ORDERING), request)
        return cut(found, request, lambda each: PageAnchor(each.created_at, str(each.id)))

    async def get(self, client: Identity, channel_id: UUID, user_id: UUID) -> Member:
        await enter(self._store, client, channel_id)
        return _found(await self._store.member(channel_id, user_id))

    async def change(self, client: Identity, channel_id: UUID, user_id: UUID, changes: MemberChanges) -> Member:
        """Change a member's read position (only that user can), or whether it is an admin (only admins can).

        `last_seen_at` may lie in the future, because clients' clocks differ.

        Raises:
            Forbidden: The client may not change this.
            Conflict: The channel would have no admin.
        """
        entry = await enter(self._store, client, channel_id)
        member = _found(await self._store.member(channel_id, user_id))
        if changes.sees:
            only_self(client, user_id)
        if changes.is_admin == member.is_admin:
            changes = replace(changes, is_admin=None)  # clients send all members of the object back
        if changes.is_admin is not None:
            only_admin(entry)
        if not changes.sees and changes.is_admin is None:
            return member
        async with self._transactions.transaction() as tx:
            return await _change(tx, channel_id, user_id, changes, self._clock.now())

    async def remove(self, client: Identity, channel_id: UUID, user_id: UUID) -> None:
        """Remove a member, as an admin or as that user. Raise Forbidden (always in direct channels) or Conflict (only admin)."""
        entry = await enter(self._store, client, channel_id)
        if entry.channel.type is ChannelType.DIRECT:
            raise Forbidden
        _found(await self._store.member(channel_id, user_id))
        if client.user is None or client.user.id != user_id:
            only_admin(entry)
        async with self._transactions.transaction() as tx:
            if not await tx.members.remove_member(channel_id, user_id):
                raise NotFound
            channel = await tx.channels.channel(client.organization.id, channel_id)
            if channel is not None:
                call = await tx.presence.present(channel_id, self._clock.now())
                tx.record(MemberRemoved(channel, user_id, await stream_uid(tx, channel_id), call))

    async def appoint(
        self, organization_id: UUID, channel_id: UUID, user_id: UUID, stream_row: StreamRowIn | None = None
    ) -> Member:
        """Make a user an admin, and a member before if needed. For operators: access is not checked.

        `stream_row`: reads the channel's row in the list of streams, for the event of a new member.

        Raises:
            NotFound: There is no such channel.
            Invalid: The channel is direct, or the user is not in the organization.
        """
        entry = await self._store.entry(organization_id, channel_id, None)
        if entry is None:
            raise NotFound("There is no such channel in that organization.")
        if entry.is_direct:
            raise Invalid({"channel": [NO_ADMINS]})
        await require_known(self._directory, organization_id, (user_id,), "user")
        now = self._clock.now()
        async with self._transactions.transaction() as tx:
            member, _ = await _add(tx, organization_id, channel_id, user_id, now, stream_row)
            if member.is_admin:
                return member
            return await _change(tx, channel_id, user_id, MemberChanges(is_admin=True), now)

    async def settings(self, client: Identity, channel_id: UUID, user_id: UUID) -> NotificationSettings:
        """Return the user's own settings. Raise Forbidden for those of another user."""
        await enter(self._store, client, channel_id)
        only_self(client, user_id)
        return _found(await self._store.member(channel_id, user_id)).settings

    async def set_mode(
        self, client: Identity, channel_id: UUID, user_id: UUID, mode: NotifyMode | None
    ) -> NotificationSettings:
        """Set the user's own mode; None changes nothing. Raise Forbidden for that of another user."""
        settings = await self.settings(client, channel_id, user_id)
        if mode is None:
            return settings
        async with self._transactions.transaction() as tx:
            member = _found(await tx.members.set_mode(channel_id, user_id, mode, self._clock.now()))
            tx.record(SettingsChanged(member))
        return member.settings


async def _add(
    tx: ConversationTransaction,
    organization_id: UUID,
    channel_id: UUID,
    user_id: UUID,
    at: datetime,
    stream_row: StreamRowIn | None = None,
) -> tuple[Member, bool]:
    added = await tx.members.add_member(channel_id, user_id, at)
    channel = await tx.channels.channel(organization_id, channel_id)
    if added is None or channel is None:
        raise NotFound
    member, is_new = added
    if is_new:
        call = await tx.presence.present(channel_id, at)
        stream = await stream_row(tx, channel) if stream_row is not None and channel.is_private else None
        tx.record(MemberAdded(channel, member, stream, call))
    return member, is_new


async def _change(
    tx: ConversationTransaction, channel_id: UUID, user_id: UUID, changes: MemberChanges, at: datetime
) -> Member:
    member = _found(await tx.members.change_member(channel_id, user_id, changes, at))
    channel = await tx.channels.channel(member.organization_id, channel_id)
    if channel is not None:
        seen = ("last_seen_at", "unread_message_count", "unread_mention_count") if changes.sees else ()
        admin = ("is_admin",) if changes.is_admin is not None else ()
        tx.record(MemberChanged(channel, member, (*seen, *admin, "updated_at")))
    return member


def _found(member: Member | None) -> Member:
    if member is None:
        raise NotFound
    return member
