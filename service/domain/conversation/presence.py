"""Presence in calls, and its port."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from service.domain.paging import PageRequest


@dataclass(frozen=True, slots=True)
class Presence:
    """As of `noted_at`, the participant is in the channel's call until `leaves_at`."""

    channel_id: UUID
    participant: str
    organization_id: UUID
    noted_at: datetime
    leaves_at: datetime


@dataclass(frozen=True, slots=True)
class ActiveConference:
    """A channel with participants in its call. `joined`: the given user is one of them."""

    channel_id: UUID
    channel_created_at: datetime
    participant_count: int
    joined: bool


class PresenceStore(Protocol):
    """Presence in calls. Every method may raise `errors.Unavailable`."""

    async def lock(self, channel_id: UUID) -> None:
        """Let other transactions that do the same for this channel wait until the end of this one."""

    async def present(self, channel_id: UUID, at: datetime) -> set[str]:
        """Return the participants in the channel's call.

        Args:
            channel_id: The channel.
            at: The time of the query. A presence that ends at this time is over.

        Returns:
            The names of the participants.
        """

    async def lapse(self, channel_id: UUID, at: datetime) -> set[str]:
        """Note that leases have ended.

        Args:
            channel_id: The channel.
            at: The time up to which leases have ended.

        Returns:
            The participants of these leases; a repeated call returns none of them again.
        """

    async def lapsed(self, at: datetime, limit: int) -> list[tuple[UUID, UUID]]:
        """Find the channels that `lapse` would return participants for.

        Args:
            at: The time up to which leases have ended.
            limit: The most channels to return.

        Returns:
            Pairs of organization and channel, in any order.
        """

    async def note(self, presence: Presence, forget_before: datetime) -> None:
        """Store a presence unless a newer one of that participant is known.

        Args:
            presence: The presence.
            forget_before: Presences that ended before this time are deleted, except leases whose end has not been noted (`lapse`).
        """

    async def active(
        self, organization_id: UUID, user_id: UUID, viewer_id: UUID, at: datetime, request: PageRequest
    ) -> list[ActiveConference]:
        """Return channels with an active call that `viewer_id` may see, newest first.

        Args:
            organization_id: The organization.
            user_id: The user that `joined` is about.
            viewer_id: The user whose channels are listed.
            at: The time of the query.
            request: The page.

        Returns:
            Up to `request.size` + 1 channels, nearest to the anchor first (see `paging.cut`).
        """
