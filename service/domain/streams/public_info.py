"""What a public page may know of a channel's stream beside its state: its name, where it plays, and its latest recording.

The state says whether there is something to play, and changes all the time (`status.py`); this hardly ever does.

Who may know? The channel's and the organization's ids are the ticket, as for the public status. Private channels and channels
nobody has made a live input for are not there: a channel's name gets public only when somebody made it a stream.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from cachetools import TTLCache

from providers.base import Playback, Provider, ProviderError, Recording
from providers.concurrency import SingleFlight
from service.domain.errors import NotFound, Unavailable
from service.domain.paging import PageRequest
from service.domain.ports import ChannelStore, ClaimStore
from service.domain.streams.queries import StreamQueries

FRESH_FOR = 2.0
"""Seconds an answer is given out again: when a broadcast ends, all its visitors look for the recording at once."""

MAX_KEPT = 5_000
"""Answers kept."""


@dataclass(frozen=True, slots=True)
class PublicInfo:
    """A stream as the public may see it. `recording` is the latest one."""

    name: str
    description: str
    playback: Playback
    slate_image_url: str | None
    recording: Recording | None


_Key = tuple[UUID, UUID]


class PublicStreamInfo:
    """Answers from memory where it can; asks once, whoever wants to know meanwhile."""

    def __init__(self, provider: Provider, channels: ChannelStore, claims: ClaimStore, queries: StreamQueries) -> None:
        self._provider = provider
        self._channels = channels
        self._claims = claims
        self._queries = queries
        self._kept: TTLCache[_Key, tuple[PublicInfo | None]] = TTLCache(MAX_KEPT, FRESH_FOR)
        self._flights: SingleFlight[_Key, PublicInfo | None] = SingleFlight()

    async def of(self, organization_id: UUID, channel_id: UUID) -> PublicInfo:
        """Errors: NotFound, Unavailable."""
        key = (organization_id, channel_id)
        kept = self._kept.get(key)
        (info,) = kept or (await self._flights.run(key, lambda: self._ask(key), share=True),)
        if info is None:
            raise NotFound
        return info

    def media_example(self) -> str | None:
        """An address of the host that media plays from; None while the provider does not know it."""
        try:
            return self._provider.playback("0" * 32).hls
        except ProviderError:
            return None

    def changed(self, organization_id: UUID, channel_id: UUID) -> None:
        """The channel has another live input."""
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
            latest = []  # to play what is live matters more
        return PublicInfo(
            name=channel.name,
            description=channel.description,
            playback=self._provider.playback(claim.uid),
            slate_image_url=claim.options.slate_image_url,
            recording=latest[0] if latest else None,
        )
