"""What the domain asks of the outside besides the provider (`providers.base`) and the viewer window (`service.viewers.port`).

Every store method may raise `errors.Unavailable`. `service/store` implements the stores; `tests/contract/test_store.py` runs on
both databases.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from providers.base import InputOptions, Phase
from service.domain.entities import Channel, ClaimedInput, Entry, Organization, OwnedStream, Token, User
from service.domain.paging import PageRequest


@dataclass(frozen=True, slots=True)
class StreamRef:
    """A channel seen as a stream: `input_uid` is None while nobody has asked for a live input."""

    organization_id: UUID
    channel_id: UUID
    input_uid: str | None


class StreamLookup(Protocol):
    """Finds the live input of a channel."""

    async def find_stream(self, organization_id: UUID, channel_id: UUID) -> StreamRef | None:
        """None when there is no such channel in that organization. Errors: Unavailable."""

    async def input_lost(self, uid: str) -> None:
        """The provider no longer has this live input: its channel has none until a client asks for another one."""


@dataclass(frozen=True, slots=True)
class LiveSummary:
    """What an organization's list says of a stream beside its addresses.

    `counted`: just now; else it is the last good count. `lost`: the provider no longer has this live input.
    """

    state: Phase
    viewer_count: int
    counted: bool = True
    lost: bool = False


class StateView(Protocol):
    """The state of many streams at once."""

    async def states(self, uids: Sequence[str]) -> dict[str, LiveSummary]:
        """One summary for every uid asked for; a stream nothing is known of is offline. Errors: Unavailable."""


StreamListener = Callable[[UUID, UUID], None]
"""Told the organization and the channel after a channel was made or got another live input. Returns at once, never raises."""


class AccountStore(Protocol):
    """Organizations, users and API tokens."""

    async def organization(self, organization_id: UUID) -> Organization | None: ...

    async def user(self, user_id: UUID) -> User | None: ...

    async def add_user(self, organization: Organization, user: User) -> None:
        """Store the user and the organization where they are new. Errors: as `add_token`."""

    async def add_token(self, organization: Organization, user: User | None, token: Token) -> None:
        """Store the token, and the organization and the user where they are new. One transaction.

        Errors: Conflict when the user belongs to another organization; then nothing is stored.
        """

    async def token_by_digest(self, digest: str) -> Token | None: ...

    async def tokens(self, organization_id: UUID | None = None) -> list[Token]:
        """Oldest first, revoked ones included."""

    async def revoke_token(self, token_id: UUID, at: datetime) -> bool:
        """False when there is no such token; True also when it was revoked before."""


class SecretStore(Protocol):
    """Secrets the service makes for itself."""

    async def secret(self, name: str, proposal: str) -> str:
        """The secret of that name; `proposal`, stored, when there was none. Everybody gets the same one."""


class DirectoryStore(Protocol):
    """The people of an organization."""

    async def add_user(self, organization: Organization, user: User) -> bool:
        """Store the user, and the organization where it is new. False when there is a user of that id already."""

    async def users(self, organization_id: UUID | None = None) -> list[User]:
        """By full name; deleted ones included."""

    async def unknown_users(self, organization_id: UUID, wanted: Collection[UUID]) -> set[UUID]:
        """Those of `wanted` who are not in the organization, or no longer."""


class EntryStore(Protocol):
    """Channels and a user's rights in them."""

    async def entry(self, organization_id: UUID, channel_id: UUID, user_id: UUID | None) -> Entry | None:
        """Return the channel and the user's rights in it, or None if the organization has no such channel.

        A `user_id` of None stands for the organization itself, which is an admin of each channel without an admin.
        """


class ChannelStore(EntryStore, Protocol):
    """Channels."""

    async def add_channel(self, channel: Channel, member_ids: Collection[UUID] = ()) -> None:
        """Store the channel with its first members; its creator is its admin, or the first of them when it has no creator."""

    async def channel(self, organization_id: UUID, channel_id: UUID) -> Channel | None: ...

    async def change_channel(self, channel_id: UUID, values: Mapping[str, Any], at: datetime) -> bool:
        """False when it is gone. Errors: Conflict for a default channel of the organization that is private, or a second one.

        Both hold however many change it at once.
        """

    async def remove_channel(self, channel_id: UUID, at: datetime) -> bool:
        """It and its members are gone, its messages will be (`sweeper.py`). Its inputs stay known, and who was in a private one.

        False when it was gone before.
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
        """Public channels, and the private ones that user is in; no direct ones. `search`: part of the name, in any case.

        `since`: in the order by latest message as it was at that moment, without channels made after it; `listed_at` is set then.

        Up to `request.size` + 1 channels, nearest to the anchor first (see `paging.cut`).

        `ordering`: created_at or latest_message_created_at, a leading "-" for descending.
        """


class ClaimStore(Protocol):
    """Channels' claims on live inputs. Changes compare and set: they say whether this caller's was the one that counted."""

    async def claim(self, new: ClaimedInput) -> ClaimedInput:
        """Store the claim when the channel has none; return the channel's claim as it now is."""

    async def claimed(self, channel_id: UUID) -> ClaimedInput | None: ...

    async def find_stream(self, organization_id: UUID, channel_id: UUID) -> StreamRef | None:
        """None for a channel that is not there, also for a deleted one whose live input has not ended yet."""

    async def commit_claim(
        self, channel_id: UUID, request_id: str, uid: str, options: InputOptions, created: datetime
    ) -> bool:
        """Store the provider's answer if the claim is still that request's and unanswered."""

    async def renew_claim(self, before: ClaimedInput, provider: str, request_id: str, at: datetime) -> bool:
        """Begin the next generation, with this provider and a new request id, if the claim still is as it was.

        The old uid is kept as retired.
        """

    async def lose_input(self, provider: str, uid: str, request_id: str, at: datetime) -> tuple[UUID, UUID] | None:
        """The provider has lost this input: its claim is without an answer, under a new request id, until it is asked for again.

        The organization and the channel whose input it was; None when it was nobody's, or retired before.
        """

    async def note_options(self, channel_id: UUID, uid: str, options: InputOptions) -> None:
        """Remember the input's options, for the day it must be made again."""

    async def pending_claims(self, provider: str, limit: int) -> list[ClaimedInput]:
        """Claims without a uid, oldest first; not those whose input was lost."""

    async def abandoned_claims(self, provider: str, limit: int) -> list[ClaimedInput]:
        """Claims of channels that were deleted before their live input was."""

    async def retire_claim(self, claim: ClaimedInput, uid: str | None, at: datetime) -> None:
        """The channel has no claim any more; `uid` is remembered as one of its inputs."""

    async def channel_of_input(self, organization_id: UUID, uid: str, user_id: UUID | None) -> UUID | None:
        """The channel of the organization that has, or had, this input, if that user can see its recordings.

        These are visible as the channel is; once a private channel is deleted, to its last members and to the organization (None).
        """

    async def input_uids(self, channel_id: UUID, limit: int) -> list[str]:
        """Every input the channel has had: the present one first, then the retired ones, latest first."""

    async def owned_streams(
        self,
        organization_id: UUID,
        search: str,
        request: PageRequest,
        user_id: UUID | None = None,
        uids: Collection[str] | None = None,
    ) -> list[OwnedStream]:
        """Answered claims, newest first, of channels that user can see whose name contains `search` in any case.

        With `uids` (`MAX_ON_AIR` of `catalogue.py` at most) only those of these inputs.

        Up to `request.size` + 1, nearest to the anchor first (see `paging.cut`).
        """
