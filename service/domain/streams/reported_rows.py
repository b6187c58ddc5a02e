"""Rows of the list of streams for a process without a running provider, such as a command: as the last report in the store says."""

from __future__ import annotations

from typing import Protocol

import structlog

from providers.base import EventKind, Phase, Playback, ProviderUnavailable
from service.domain.entities import Channel, ListedStream, LiveSummary, OwnedStream
from service.domain.streams.ports import StreamTransaction
from service.domain.streams.queries import NEW_SUMMARY

log = structlog.get_logger(__name__)

PHASES = {
    EventKind.CONNECTED: Phase.STARTING,
    EventKind.WATCHABLE: Phase.LIVE,
    EventKind.LOST: Phase.RECONNECTING,
    EventKind.ENDED: Phase.ENDED,
}
"""The phase after each report."""


class StreamAddresses(Protocol):
    """The part of `providers.base.Provider` that needs no running provider."""

    @property
    def rtmps_url(self) -> str: ...

    def playback(self, uid: str) -> Playback: ...


class ReportedRows:
    """Reads rows. The number of viewers is not in the store: it is 0."""

    def __init__(self, addresses: StreamAddresses) -> None:
        self._addresses = addresses

    async def row(self, tx: StreamTransaction, channel: Channel) -> ListedStream | None:
        """Return the channel's row, or None if it has no live input or its addresses are unknown.

        New reports of the input wait for the end of the transaction.
        """
        claim = await tx.claims.claimed(channel.id)
        if claim is None or claim.uid is None:
            return None
        kind = await tx.broadcasts.last_report(claim.uid)
        summary = NEW_SUMMARY if kind is None else LiveSummary(PHASES[kind], 0)
        try:
            playback = self._addresses.playback(claim.uid)
        except ProviderUnavailable as failure:  # the event is not worth more than the change
            log.warning("stream of a channel not read", channel=str(channel.id), reason=str(failure))
            return None
        stream = OwnedStream(channel.id, channel.name, claim.uid, claim.created_at)
        return ListedStream(stream, self._addresses.rtmps_url, playback.hls, playback.thumbnail, summary)
