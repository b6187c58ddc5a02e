"""Ports of the domain, besides the provider (`providers.base`) and the viewer window (`service.domain.audience.viewer_window`).

Every store method may raise `errors.Unavailable`. `service/store` implements the stores; `tests/contract/test_store.py` runs on
both databases. Times are aware datetimes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from providers.base import InputOptions, InputUid
from service.domain.entities import Channel, ClaimedInput, Entry, LiveSummary, Organization, OwnedStream, Token, User
from service.domain.paging import PageRequest


@dataclass(frozen=True, slots=True)
class StreamRef:
    """A channel and the uid of its live input; None while it has none."""

    organization_id: UUID
    channel_id: UUID
    input_uid: InputUid | None


class StreamLookup(Protocol):
    """Finds the live input of a channel."""

    async def find_stream(self, organization_id: UUID, channel_id: UUID) -> StreamRef | None:
        """Return the channel's live input.

        Args:
            organization_id: The organization that the channel must belong to.
            channel_id: The channel.

        Returns:
            None if there is no such channel in the organization.

        Raises:
            Unavailable: The store does not answer.
        """

    async def input_lost(self, uid: InputUid) -> None:
        """Record that the provider no longer has this live input. Its channel has none until a client requests another one."""


class StateView(Protocol):
    """The states of many streams."""

    async def states(self, uids: Sequence[InputUid]) -> dict[InputUid, LiveSummary]:
        """Return a summary for each uid. Unknown streams are offline.

        Raises:
            Unavailable: The provider or the store does not answer.
        """


StreamListener = Callable[[UUID, UUID], None]
"""Called with the organization and the channel after a channel was created or got another live input. Must not wait or raise."""


class AccountStore(Protocol):
    """Organizations, users and API tokens."""

    async def organization(self, organization_id: UUID) -> Organization | None:
        """Return the organization, or None if there is none with that id."""

    async def user(self, user_id: UUID) -> User | None:
        """Return the user, or None if there is none with that id. Deleted users are returned."""

    async def add_user(self, organization: Organization, user: User) -> None:
        """Store the user and the organization unless they exist.

        Raises:
            Conflict: The user belongs to another organization. Nothing is stored.
        """

    async def add_token(self, organization: Organization, user: User | None, token: Token) -> None:
        """Store the token, and the organization and the user unless they exist, in one transaction.

        Args:
            organization: The organization of the token.
            user: The user of the token; None for a token of the organization itself.
            token: The token.

        Raises:
            Conflict: The user belongs to another organization. Nothing is stored.
        """

    async def token_by_digest(self, digest: str) -> Token | None:
        """Return the token with that digest (hex), revoked or not, or None."""

    async def tokens(self, organization_id: UUID | None = None) -> list[Token]:
        """Return the tokens of the organization (None: of all), oldest first, including revoked ones."""

    async def revoke_token(self, token_id: UUID, at: datetime) -> bool:
        """Revoke a token, unless it has been.

        Returns:
            False if there is no such token.
        """


class SecretStore(Protocol):
    """Secrets that the service generates for itself."""

    async def secret(self, name: str, proposal: str) -> str:
        """Return the secret of that name.

        Args:
            name: The name of the secret.
            proposal: Stored if there is none yet.

        Returns:
            The stored secret, the same in every process.
        """


class DirectoryStore(Protocol):
    """The users of an organization."""

    async def add_user(self, organization: Organization, user: User) -> bool:
        """Store the user, and the organization unless it exists.

        Returns:
            False if there is a user with that id; nothing is changed then.
        """

    async def users(self, organization_id: UUID | None = None) -> list[User]:
        """Return the users of the organization (None: of all) by full name, including deleted ones."""

    async def set_manager(self, user_id: UUID, is_manager: bool, at: datetime) -> bool:
        """Make a user a manager of their organization, or no longer one. Return False if there is none, or it is deleted."""

    async def unknown_users(self, organization_id: UUID, wanted: Collection[UUID]) -> set[UUID]:
        """Return those of `wanted` that are not users of the organization, or are deleted."""


class EntryStore(Protocol):
    """Channels and a user's rights in them."""

    async def entry(self, organization_id: UUID, channel_id: UUID, user_id: UUID | None) -> Entry | None:
        """Return the channel and the user's rights in it, or None if the organization has no such channel.

        A `user_id` of None stands for the organization itself, which is an admin of each channel without an admin.
        """


class ChannelStore(EntryStore, Protocol):
    """Channels."""

    async def add_channel(self, channel: Channel, member_ids: Collection[UUID] = ()) -> None:
        """Store a new channel with its first members. Its creator is its admin; without a creator, the first member is."""

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


class ClaimStore(Protocol):
    """Channels' claims on live inputs. Changes are compare-and-set: of concurrent ones, one succeeds."""

    async def claim(self, new: ClaimedInput) -> ClaimedInput:
        """Store the claim unless the channel has one, and return the channel's claim."""

    async def claimed(self, channel_id: UUID) -> ClaimedInput | None:
        """Return the channel's claim, or None if it has none."""

    async def find_stream(self, organization_id: UUID, channel_id: UUID) -> StreamRef | None:
        """Return the channel's live input, or None if there is no such channel. The same for a deleted one."""

    async def commit_claim(
        self, channel_id: UUID, request_id: str, uid: InputUid, options: InputOptions, created: datetime
    ) -> bool:
        """Store the provider's result for a claim.

        Args:
            channel_id: The channel of the claim.
            request_id: The request id that the provider was called with.
            uid: The live input.
            options: Its effective options.
            created: When it was created.

        Returns:
            False if the claim has another request id by now, or has a result already.
        """

    async def renew_claim(self, before: ClaimedInput, provider: str, request_id: str, at: datetime) -> bool:
        """Start the claim's next generation, and keep the old uid as retired.

        Args:
            before: The claim as last read.
            provider: The name of the provider to call next.
            request_id: A new request id.
            at: The time of the change.

        Returns:
            False if the claim is no longer as in `before`.
        """

    async def lose_input(self, provider: str, uid: InputUid, request_id: str, at: datetime) -> tuple[UUID, UUID] | None:
        """Mark a live input as lost at the provider. Its claim gets a new request id and has no result until it is requested again.

        Returns:
            The organization and the channel of the input; None if it belongs to none, or was retired before.
        """

    async def note_options(self, channel_id: UUID, uid: InputUid, options: InputOptions) -> None:
        """Store the input's effective options, for when it has to be created again. Its announced change is done."""

    async def announce_change(self, channel_id: UUID, uid: InputUid, at: datetime) -> None:
        """Note that the input is about to be changed at the provider, until `note_options`."""

    async def withdraw_change(self, channel_id: UUID, uid: InputUid) -> None:
        """Undo `announce_change`: the provider declined the change."""

    async def announced_changes(self, provider: str, before: datetime, limit: int) -> list[ClaimedInput]:
        """Return up to `limit` claims whose change was announced before that time and is not done."""

    async def pending_claims(self, provider: str, limit: int) -> list[ClaimedInput]:
        """Return up to `limit` claims without a uid, oldest first, except for lost ones."""

    async def abandoned_claims(self, provider: str, limit: int) -> list[ClaimedInput]:
        """Return up to `limit` claims of channels that were deleted before their live input."""

    async def retire_claim(self, claim: ClaimedInput, uid: InputUid | None, at: datetime) -> None:
        """Delete a claim, and keep `uid` as a retired input of its channel."""

    async def channel_of_input(self, organization_id: UUID, uid: InputUid, user_id: UUID | None) -> UUID | None:
        """Return the channel that has, or had, this input, if the user may see its recordings.

        They are visible like the channel. After a private channel was deleted, its last members and the organization itself (a
        `user_id` of None) may see them.

        Returns:
            None if there is no such channel in the organization, or the user may not see its recordings.
        """

    async def input_uids(self, channel_id: UUID, limit: int) -> list[InputUid]:
        """Return up to `limit` inputs of the channel: the current one first, then the retired ones, latest first."""

    async def owned_streams(
        self,
        organization_id: UUID,
        search: str,
        request: PageRequest,
        user_id: UUID | None = None,
        uids: Collection[InputUid] | None = None,
    ) -> list[OwnedStream]:
        """Return live inputs of channels that the user may see, newest first.

        Args:
            organization_id: The organization.
            search: A part of the channel's name, in any case.
            request: The page.
            user_id: The user; None sees public channels only.
            uids: Only these inputs, `QueryLimits.max_on_air` at most. None: all.

        Returns:
            Up to `request.size` + 1 streams, nearest to the anchor first (see `paging.cut`).
        """
