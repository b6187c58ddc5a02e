"""The channel of something that may outlive it, such as a session or a recording."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from service.domain.conversation.ports import ChannelStore


@dataclass(frozen=True, slots=True)
class Place:
    """The channel of something that may outlive it."""

    organization_id: UUID
    channel_id: UUID
    is_private: bool


async def place(channels: ChannelStore, organization_id: UUID, channel_id: UUID) -> Place:
    """Return what is known of the channel with that id, which may be deleted."""
    return Place(organization_id, channel_id, await channels.is_private(channel_id))
