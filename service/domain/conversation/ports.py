"""Store ports of channels, members, messages and direct channels. Every method may raise `errors.Unavailable`.

Methods that change a channel, its members or its messages return None if the channel has been deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from service.clock import Clock
from service.domain.access.ports import EntryStore
from service.domain.conversation.presence import PresenceStore
from service.domain.entities import Channel, ClaimedInput, Joined, Member, Message, NewMessage, NotifyMode
from service.domain.events.ports import Transaction
from service.domain.paging import PageRequest


@dataclass(frozen=True, slots=True)
class MemberChanges:
    """Changes to a member. None: unchanged. `sees`: `last_seen_at` is set, where None means never."""

    sees: bool = False
    last_seen_at: datetime | None = None
    is_admin: bool | None = None


class Posted(NamedTuple):
    """A stored message. `is_private`: whether its channel is. `notified`: the mentioned members that are not muted."""

    message: Message
    is_new: bool
    is_private: bool
    notified: Sequence[UUID]


class MemberStore(EntryStore, Protocol):
    """Members of channels, with their settings. Listing methods as `ChannelStore.channels`."""

    async def add_member(self, channel_id: UUID, user_id: UUID, at: datetime) -> tuple[Member, bool] | None:
        """Add a member unless the user is one.

        Args:
            channel_id: The channel.
            user_id: The user.
            at: When the user joined. Earlier messages do not count as unread.

        Returns:
            The member and whether it is new; None if there is no such channel.
        """

    async def member(self, channel_id: UUID, user_id: UUID) -> Member | None:
        """Return the member, or None if the user is not one."""

    async def members(self, channel_id: UUID, ordering: str, request: PageRequest) -> list[Member]:
        """Return members of a channel.

        Args:
            channel_id: The channel.
            ordering: `created_at` or `-created_at`.
            request: The page.

        Returns:
            Up to `request.size` + 1 members, nearest to the anchor first.
        """

    async def change_member(
        self, channel_id: UUID, user_id: UUID, changes: MemberChanges, at: datetime
    ) -> Member | None:
        """Change a member, and recount its unread messages if `last_seen_at` changes.

        Args:
            channel_id: The channel.
            user_id: The member.
            changes: The changes.
            at: The member's new `updated_at`.

        Returns:
            The member; None also if there is no such member.

        Raises:
            Conflict: The channel would have no admin. Deleted users do not count as admins.
        """

    async def set_mode(self, channel_id: UUID, user_id: UUID, mode: NotifyMode, at: datetime) -> Member | None:
        """Set a member's notification mode. `at`: when its settings were changed. Return None also if there is no such member."""

    async def remove_member(self, channel_id: UUID, user_id: UUID) -> bool:
        """Remove a member.

        Returns:
            False if there was none.

        Raises:
            Conflict: It is the channel's only admin.
        """

    async def joined(
        self, user_id: UUID, ordering: str, request: PageRequest, *, direct: bool, since: datetime | None = None
    ) -> list[Joined]:
        """Return the channels that a user is in.

        Args:
            user_id: The user.
            ordering: As in `ChannelStore.channels`.
            request: The page.
            direct: Whether to return direct channels only.
            since: As in `ChannelStore.channels`.

        Returns:
            Up to `request.size` + 1 channels with the user's membership, nearest to the anchor first.
        """

    async def joined_channel(self, user_id: UUID, channel_id: UUID) -> Joined | None:
        """Return the channel, or None if the user is not a member."""


class DirectStore(Protocol):
    """Direct channels."""

    async def open_direct(self, channel: Channel, direct_key: str, member_ids: Collection[UUID]) -> tuple[UUID, bool]:
        """Store a direct channel unless there is one with that key.

        Args:
            channel: The new channel.
            direct_key: A text that is the same for the same set of members, in any order.
            member_ids: Its members.

        Returns:
            The id of the channel with that key, and whether it is new.
        """


class MessageStore(EntryStore, Protocol):
    """Messages. Within a channel, the `created_at` of each message is later than that of the one before."""

    async def post(self, new: NewMessage, clock: Clock) -> Posted | None:
        """Store a message as the channel's latest, and count it as unread for the other members, in one transaction.

        Args:
            new: The message. One with the same id and digest as a stored one is a retry, and is not stored again.
            clock: Read while the channel is locked, so that the order of messages is that of their times.

        Returns:
            The message; the stored one after a retry.

        Raises:
            Conflict: The id belongs to another message.
        """

    async def message(self, channel_id: UUID, message_id: UUID) -> Message | None:
        """Return the message, deleted or not, or None."""

    async def messages(self, channel_id: UUID, ordering: str, request: PageRequest) -> list[Message]:
        """Return messages of a channel, deleted ones included. `ordering` and the result as in `MemberStore.members`."""

    async def edit(self, channel_id: UUID, message_id: UUID, body: Mapping[str, Any], at: datetime) -> Message | None:
        """Replace the body of a message.

        Args:
            channel_id: The channel.
            message_id: The message.
            body: The whole new body.
            at: The message's new `updated_at`.

        Returns:
            The message; None also if there is no such message, or it is deleted.
        """

    async def delete(self, channel_id: UUID, message_id: UUID, at: datetime) -> bool:
        """Delete a message: its body is emptied, and it no longer counts as unread.

        Returns:
            False if there is no such message; True also if it was deleted before.
        """


ChannelListener = Callable[[UUID, UUID], None]
"""Called with the organization and the channel after the channel was created, or its live input or a recording changed.

Must not wait or raise."""


class ChannelStore(EntryStore, Protocol):
    """Channels."""

    async def add_channel(self, channel: Channel, member_ids: Collection[UUID] = ()) -> None:
        """Store a new channel with its first members.

        Args:
            channel: The channel. Its creator, if it is a member, is its admin; without a creator, the first member is.
            member_ids: The members.
        """

    async def channel(self, organization_id: UUID, channel_id: UUID) -> Channel | None:
        """Return the channel, or None if the organization has no such channel."""

    async def is_private(self, channel_id: UUID) -> bool:
        """Return whether a channel, which may be deleted, is or was private. True for an unknown one."""

    async def change_channel(self, channel_id: UUID, values: Mapping[str, Any], at: datetime) -> bool:
        """Change fields of a channel.

        Args:
            channel_id: The channel.
            values: New values by the name of the field of `Channel`.
            at: The new `updated_at`.

        Returns:
            False if the channel has been deleted.

        Raises:
            Conflict: The organization's default channel would be private, or there would be two. Holds for concurrent changes.
        """

    async def remove_channel(self, channel_id: UUID, at: datetime) -> bool:
        """Delete a channel and its members. Its messages are purged later (`conversation/purge.py`).

        Its inputs are kept, and the former members of a private channel, who may see its recordings.

        Returns:
            False if the channel has been deleted before.
        """

    async def channels(
        self,
        organization_id: UUID,
        ordering: str,
        request: PageRequest,
        user_id: UUID | None = None,
        *,
        search: str = "",
        since: datetime | None = None,
    ) -> list[Channel]:
        """Return public channels and the private ones of a user, without direct ones.

        Args:
            organization_id: The organization.
            ordering: `created_at` or `latest_message_created_at`, with a leading "-" for descending order.
            request: The page.
            user_id: The user whose private channels are included; None for none.
            search: A part of the name, in any case.
            since: Order by latest message as at that time, without channels created later, and set `listed_at`.

        Returns:
            Up to `request.size` + 1 channels, nearest to the anchor first (see `paging.cut`).
        """


class ReaderStore(EntryStore, Protocol):
    """Who may read the events of a channel."""

    async def readers(self, channel_id: UUID) -> frozenset[UUID]:
        """Return the members of a channel.

        Returns:
            The ids of its members; those of a deleted private channel as it was deleted.

        Raises:
            Unavailable: The store does not answer.
        """

    async def members_among(self, channel_id: UUID, user_ids: Collection[UUID]) -> list[Member]:
        """Return the members of the channel among these users. Errors: `errors.Unavailable`."""


class ClaimView(Protocol):
    """The part of `streams.ports.ClaimStore` that is used here."""

    async def claimed(self, channel_id: UUID) -> ClaimedInput | None: ...


class ConversationTransaction(Transaction, Protocol):
    """A transaction with the stores of channels, their members, messages and calls."""

    @property
    def channels(self) -> ChannelStore: ...

    @property
    def claims(self) -> ClaimView: ...

    @property
    def members(self) -> MemberStore: ...

    @property
    def messages(self) -> MessageStore: ...

    @property
    def directs(self) -> DirectStore: ...

    @property
    def presence(self) -> PresenceStore: ...
