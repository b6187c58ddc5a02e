"""What the domain asks of the outside besides the provider (`providers.base`) and the viewer window (`service.viewers.port`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID


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
