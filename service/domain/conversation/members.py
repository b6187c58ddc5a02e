"""Members of channels: join, leave, read position, admins, and notification settings."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from service.clock import Clock
from service.domain.access import enter, only_admin, only_self
from service.domain.accounts import Identity
from service.domain.conversation.channels import require_known
from service.domain.conversation.ports import MemberChanges, MemberStore
from service.domain.entities import ChannelType, Member, NotificationSettings, NotifyMode
from service.domain.errors import Forbidden, Invalid, NotFound
from service.domain.paging import Page, PageAnchor, PageRequest, cut, known_ordering
from service.domain.ports import DirectoryStore

ORDERINGS = ("created_at", "-created_at")
DEFAULT_ORDERING = "-created_at"

NO_ADMINS = "A direct channel has no admins."
PUBLIC_ONLY = "Members can be added to public channels only."


class Members:
    """Every method may raise NotFound (the client may not see the channel, or the user is not a member) and Unavailable."""

    def __init__(self, store: MemberStore, directory: DirectoryStore, clock: Clock) -> None:
        self._store = store
        self._directory = directory
        self._clock = clock

    async def add(self, client: Identity, channel_id: UUID, user_id: UUID) -> tuple[Member, bool]:
        """Add a member. Return it and whether it is new. Raise Invalid if the channel is not public or the user is unknown."""
        entry = await enter(self._store, client, channel_id)
        if entry.channel.is_private or entry.is_direct:
            raise Invalid({"member_id": [PUBLIC_ONLY]})
        await require_known(self._directory, client.organization.id, (user_id,), "member_id")
        added = await self._store.add_member(channel_id, user_id, self._clock.now())
        if added is None:
            raise NotFound
        return added

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
        return _found(await self._store.change_member(channel_id, user_id, changes, self._clock.now()))

    async def remove(self, client: Identity, channel_id: UUID, user_id: UUID) -> None:
        """Remove a member, as an admin or as that user. Raise Forbidden (always in direct channels) or Conflict (only admin)."""
        entry = await enter(self._store, client, channel_id)
        if entry.channel.type is ChannelType.DIRECT:
            raise Forbidden
        _found(await self._store.member(channel_id, user_id))
        if client.user is None or client.user.id != user_id:
            only_admin(entry)
        if not await self._store.remove_member(channel_id, user_id):
            raise NotFound

    async def appoint(self, organization_id: UUID, channel_id: UUID, user_id: UUID) -> Member:
        """Make a user an admin, and a member before if needed. For operators: access is not checked.

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
        if await self._store.add_member(channel_id, user_id, now) is None:
            raise NotFound
        return _found(await self._store.change_member(channel_id, user_id, MemberChanges(is_admin=True), now))

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
        return _found(await self._store.set_mode(channel_id, user_id, mode, self._clock.now())).settings


def _found(member: Member | None) -> Member:
    if member is None:
        raise NotFound
    return member
