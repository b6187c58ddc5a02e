"""Channels: enough of them for streams to stand on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from service.domain.entities import Channel, ChannelType
from service.domain.errors import NotFound
from service.domain.paging import Anchor, Page, PageRequest, cut
from service.domain.ports import ChannelStore, StreamListener

MAX_NAME = 255
"""The longest name of a channel, in characters."""

MAX_DESCRIPTION = 10_000
"""The longest description, in characters."""

MAX_URL = 2048
"""The longest URL the product stores, in characters."""

ORDERINGS = ("created_at", "-created_at", "latest_message_created_at", "-latest_message_created_at")
DEFAULT_ORDERING = "-latest_message_created_at"


@dataclass(frozen=True, slots=True)
class NewChannel:
    """What the maker of a channel says about it."""

    name: str
    description: str = ""
    avatar_url: str | None = None
    is_private: bool = False


class Channels:
    """Makes, finds and lists channels."""

    def __init__(self, store: ChannelStore, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self._listeners: list[StreamListener] = []

    def listen(self, listener: StreamListener) -> None:
        """Call `listener` after every channel made from now on."""
        self._listeners.append(listener)

    async def create(self, organization_id: UUID, creator_id: UUID | None, new: NewChannel) -> Channel:
        now = self._clock()
        channel = Channel(
            id=uuid4(),
            organization_id=organization_id,
            creator_id=creator_id,
            name=new.name,
            description=new.description,
            avatar_url=new.avatar_url,
            is_private=new.is_private,
            type=ChannelType.PRIVATE if new.is_private else ChannelType.DEFAULT,
            created_at=now,
            updated_at=now,
            latest_message_created_at=now,
        )
        await self._store.add_channel(channel)
        for listener in self._listeners:
            listener(organization_id, channel.id)
        return channel

    async def get(self, organization_id: UUID, channel_id: UUID) -> Channel:
        """Errors: NotFound, also for a channel of another organization."""
        channel = await self._store.channel(organization_id, channel_id)
        if channel is None:
            raise NotFound
        return channel

    async def list(self, organization_id: UUID, ordering: str, request: PageRequest) -> Page[Channel]:
        """A page in the wanted order; an unknown ordering is the default one."""
        known = ordering if ordering in ORDERINGS else DEFAULT_ORDERING
        by_creation = known.lstrip("-") == "created_at"

        def place(channel: Channel) -> Anchor:
            at = channel.created_at if by_creation else channel.latest_message_created_at
            return Anchor(at, str(channel.id))

        return cut(await self._store.channels(organization_id, known, request), request, place)
