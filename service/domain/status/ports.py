"""Ports of the status: whose live input it is about, and the states of many streams."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from providers.base import InputUid
from service.domain.entities import LiveSummary


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
