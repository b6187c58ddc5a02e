"""What members, messages and direct channels ask of the store (see `ports.py`; on both databases).

Whatever changes a channel, its members or its messages returns None when the channel is gone by then.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from service.domain.entities import Channel, Joined, Member, Message, NewMessage, NotifyMode
from service.domain.paging import PageRequest
from service.domain.ports import EntryStore


@dataclass(frozen=True, slots=True)
class MemberChanges:
    """`None`: stays as it is. `sees`: `last_seen_at` counts, None being "never yet"."""

    sees: bool = False
    last_seen_at: datetime | None = None
    is_admin: bool | None = None


class MemberStore(EntryStore, Protocol):
    """Members of channels, with their settings. Listing methods as `ChannelStore.channels`."""

    async def add_member(self, channel_id: UUID, user_id: UUID, at: datetime) -> tuple[Member, bool] | None:
        """The member and whether this call made it one."""

    async def member(self, channel_id: UUID, user_id: UUID) -> Member | None: ...

    async def members(self, channel_id: UUID, ordering: str, request: PageRequest) -> list[Member]: ...

    async def change_member(
        self, channel_id: UUID, user_id: UUID, changes: MemberChanges, at: datetime
    ) -> Member | None:
        """None also when there is no such member. The unread counts are counted again when `last_seen_at` changes.

        Errors: Conflict when the channel's only admin is to be none. Deleted users do not count as admins.
        """

    async def set_mode(self, channel_id: UUID, user_id: UUID, mode: NotifyMode, at: datetime) -> Member | None: ...

    async def remove_member(self, channel_id: UUID, user_id: UUID) -> bool:
        """False when there was none. Errors: Conflict when it is the channel's only admin."""

    async def joined(
        self, user_id: UUID, ordering: str, request: PageRequest, *, direct: bool, since: datetime | None = None
    ) -> list[Joined]:
        """The channels that a user is in. `direct`: only the direct ones. `since`: as of `ChannelStore.channels`."""

    async def joined_channel(self, user_id: UUID, channel_id: UUID) -> Joined | None: ...


class DirectStore(Protocol):
    """Direct channels."""

    async def open_direct(self, channel: Channel, direct_key: str, member_ids: Collection[UUID]) -> tuple[UUID, bool]:
        """The id of the channel with that key, and whether this call made it: `channel`, with these members."""


class MessageStore(EntryStore, Protocol):
    """Messages. Within a channel no two have the same `created_at`, and later ones have later ones."""

    async def post(self, new: NewMessage, clock: Callable[[], datetime]) -> tuple[Message, bool] | None:
        """The message and whether this call made it (the same one sent again is not made twice). The clock is read when it is the
        message's turn in the channel.

        It becomes the channel's latest and counts for its members, in one transaction. Errors: Conflict (the id is taken).
        """

    async def message(self, channel_id: UUID, message_id: UUID) -> Message | None: ...

    async def messages(self, channel_id: UUID, ordering: str, request: PageRequest) -> list[Message]: ...

    async def edit(self, channel_id: UUID, message_id: UUID, body: Mapping[str, Any], at: datetime) -> Message | None:
        """None when there is none, or it is deleted."""

    async def delete(self, channel_id: UUID, message_id: UUID, at: datetime) -> bool:
        """Empty it; it counts no more. False when there is no such message; True also when it was deleted before."""
