"""Public channel info: the name, the playback URLs and the latest recording of a channel's stream.

It hardly ever changes, unlike the status (`status/`). Knowing the ids of the channel and the organization gives access, as for the
public status. Private channels, and channels without a live input, are not found: a channel's name becomes public only with a
stream.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from cachetools import TTLCache

from providers.base import Playback, Provider, ProviderError, Recording
from providers.concurrency import SingleFlight
from service.domain.conversation.ports import ChannelStore
from service.domain.errors import NotFound, Unavailable
from service.domain.paging import PageRequest
from service.domain.streams.ports import ClaimStore
from service.domain.streams.queries import StreamQueries

FRESH_FOR = 2.0
"""Seconds an answer is served again: when a broadcast ends, all its visitors ask for the recording at once."""

MAX_KEPT = 5_000
"""Answers in the cache."""


@dataclass(frozen=True, slots=True)
class PublicInfo:
    """The public part of a stream. `recording` is the latest one."""

    name: str
    description: str
    playback: Playback
    slate_image_url: str | None
    recording: Recording | None


_Key = tuple[UUID, UUID]


class PublicStreamInfo:
    """Serves answers from memory, and reads each once for all clients that ask at the same time."""

    def __init__(self, provider: Provider, channels: ChannelStore, claims: ClaimStore, queries: StreamQueries) -> None:
        self._provider = provider
        self._channels = channels
        self._claims = claims
        self._queries = queries
        self._kept: TTLCache[_Key, tuple[PublicInfo | None]] = TTLCache(MAX_KEPT, FRESH_FOR)
        self._flights: SingleFlight[_Key, PublicInfo | None] = SingleFlight()

    async def of(self, organization_id: UUID, channel_id: UUID) -> PublicInfo:
        """Return the public info of a channel.

        Raises:
            NotFound: There is no such public channel, or it has no live input.
            Unavailable: The store or the provider does not answer.
        """
        key = (organization_id, channel_id)
        kept = self._kept.get(key)
        (info,) = kept or (await self._flights.run(key, lambda: self._ask(key), share=True),)
        if info is None:
            raise NotFound
        return info

    def media_example(self) -> str | None:
        """Return a URL on the host that media plays from; None while the provider does not know the host."""
        try:
            return self._provider.playback("0" * 32).hls
        except ProviderError:
            return None

    def changed(self, organization_id: UUID, channel_id: UUID) -> None:
        """Forget what is cached of a channel that has another live input."""
        self._kept.pop((organization_id, channel_id), None)

    async def _ask(self, key: _Key) -> PublicInfo | None:
        info = await self._read(key)
        self._kept[key] = (info,)
        return info

    async def _read(self, key: _Key) -> PublicInfo | None:
        channel = await self._channels.channel(*key)
        if channel is None or channel.is_private:
            return None
        claim = await self._claims.claimed(channel.id)
        if claim is None or claim.uid is None:
            return None
        try:
            latest = (await self._queries.recordings(channel, PageRequest(1))).items
        except Unavailable:
            latest = []  # playing the live stream matters more than listing its recording
        return PublicInfo(
            name=channel.name,
            description=channel.description,
            playback=self._provider.playback(claim.uid),
            slate_image_url=claim.options.slate_image_url,
            recording=latest[0] if latest else None,
        )
