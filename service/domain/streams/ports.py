"""Store ports of live inputs and broadcasts. Every method may raise `errors.Unavailable`."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Protocol
from uuid import UUID

from providers.base import EventKind, InputOptions, InputUid
from service.domain.conversation.ports import ChannelStore
from service.domain.entities import ClaimedInput, OwnedStream
from service.domain.events.ports import PositionStore, Transaction
from service.domain.paging import PageRequest
from service.domain.status.ports import StreamRef
from service.domain.streams.recording_details import RecordingStore
from service.domain.streams.session import SessionStore


class ClaimStore(Protocol):
    """Channels' claims on live inputs. Changes are compare-and-set: of concurrent ones, one succeeds."""

    async def claim(self, new: ClaimedInput) -> ClaimedInput:
        """Store a claim unless the channel has one.

        Args:
            new: A claim of generation 1 without a uid.

        Returns:
            The channel's claim: `new`, or the one that was stored first.
        """

    async def claimed(self, channel_id: UUID) -> ClaimedInput | None:
        """Return the channel's claim.

        Returns:
            The claim, whose uid may be None; None if the channel has no claim.
        """

    async def find_stream(self, organization_id: UUID, channel_id: UUID) -> StreamRef | None:
        """Return the channel's live input.

        Args:
            organization_id: The organization that the channel must belong to.
            channel_id: The channel.

        Returns:
            None if there is no such channel in the organization, or it is deleted.
        """

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

        Args:
            provider: The name of the provider.
            uid: The live input.
            request_id: The new request id.
            at: When the loss was noticed.

        Returns:
            The organization and the channel of the input; None if it belongs to none, or was retired before.
        """

    async def note_options(self, channel_id: UUID, uid: InputUid, options: InputOptions) -> None:
        """Store the input's effective options, for when it has to be created again. Its announced change is done.

        Args:
            channel_id: The channel of the claim.
            uid: The live input. Nothing is stored if the claim has another one by now.
            options: All effective options.
        """

    async def announce_change(self, channel_id: UUID, uid: InputUid, at: datetime) -> None:
        """Note that the input is about to be changed at the provider, until `note_options`.

        Args:
            channel_id: The channel of the claim.
            uid: The live input. Nothing is stored if the claim has another one by now.
            at: When the change begins.
        """

    async def withdraw_change(self, channel_id: UUID, uid: InputUid) -> None:
        """Undo `announce_change`: the provider declined the change. Arguments as there."""

    async def announced_changes(self, provider: str, before: datetime, limit: int) -> list[ClaimedInput]:
        """Find announced changes that are not done.

        Args:
            provider: The name of the provider.
            before: Only changes that were announced before this time: a younger one may be under way.
            limit: The most claims to return.

        Returns:
            The claims with such a change, oldest announcement first.
        """

    async def pending_claims(self, provider: str, limit: int) -> list[ClaimedInput]:
        """Find claims without a live input.

        Args:
            provider: The name of the provider.
            limit: The most claims to return.

        Returns:
            Claims without a uid, oldest first, except for lost ones.
        """

    async def abandoned_claims(self, provider: str, limit: int) -> list[ClaimedInput]:
        """Find claims of channels that were deleted before their live input.

        Args:
            provider: The name of the provider.
            limit: The most claims to return.

        Returns:
            The claims, in any order.
        """

    async def retire_claim(self, claim: ClaimedInput, uid: InputUid | None, at: datetime) -> None:
        """Delete a claim.

        Args:
            claim: The claim as last read. One with another request id by now stays.
            uid: Kept as a retired input of the channel, so that its recordings are found; None if it had none.
            at: When it was retired.
        """

    async def channel_of_input(self, organization_id: UUID, uid: InputUid, user_id: UUID | None) -> UUID | None:
        """Return the channel that has, or had, this input, if the user may see its recordings.

        They are visible like the channel. After a private channel was deleted, its last members and the organization itself may see
        them.

        Args:
            organization_id: The organization that the channel must belong to.
            uid: The live input, current or retired.
            user_id: The user; None for the organization itself.

        Returns:
            None if there is no such channel in the organization, or the user may not see its recordings.
        """

    async def input_uids(self, channel_id: UUID, limit: int) -> list[InputUid]:
        """Return the inputs that the channel has and had.

        Args:
            channel_id: The channel.
            limit: The most uids to return.

        Returns:
            The uids: the current one first, then the retired ones, latest first.
        """

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


class BroadcastStore(Protocol):
    """The last report of each live input. Every method may raise `errors.Unavailable`."""

    async def last_report(self, uid: InputUid) -> EventKind | None:
        """Return the last report. Others that do the same wait until the end of the transaction.

        Args:
            uid: The live input.

        Returns:
            One of `broadcasts.STATE_KINDS`; None before the first report.
        """

    async def note_report(self, uid: InputUid, provider: str, kind: EventKind, at: datetime) -> None:
        """Store the last report of an input.

        Args:
            uid: The live input, of which `last_report` was read in this transaction.
            provider: The name of the provider.
            kind: One of `broadcasts.STATE_KINDS`.
            at: When it happened, by the provider.
        """

    async def reported(self, provider: str, kinds: frozenset[EventKind], since: datetime, limit: int) -> list[InputUid]:
        """Return inputs by their last report.

        Args:
            provider: The name of the provider.
            kinds: The kinds that the last report may have.
            since: The earliest time of the last report.
            limit: The most inputs to return.

        Returns:
            The uids of the inputs, the one with the latest report first.
        """


class StreamTransaction(Transaction, Protocol):
    """A transaction with the stores of live inputs, their broadcasts, sessions and recordings."""

    @property
    def channels(self) -> ChannelStore: ...

    @property
    def claims(self) -> ClaimStore: ...

    @property
    def sessions(self) -> SessionStore: ...

    @property
    def recordings(self) -> RecordingStore: ...

    @property
    def broadcasts(self) -> BroadcastStore: ...

    @property
    def positions(self) -> PositionStore: ...
