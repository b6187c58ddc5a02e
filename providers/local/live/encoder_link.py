"""The ingest's end of a live session."""

from __future__ import annotations

from providers.base import LatencyMode
from providers.local.flv.tag import FlvTag
from providers.local.live.context import Encoder
from providers.local.live.live_session import LiveSession
from providers.local.ports.refusals import MediaRefused

COLLECT = {LatencyMode.STANDARD: 0.25, LatencyMode.REDUCED: 0.16, LatencyMode.LOW: 0.08}
"""Seconds of media the ingest may buffer before it hands it on: a quarter of a part, less in the modes with less delay.
Each wake-up of the event loop has a cost of its own and begins with cold caches."""


class EncoderLink:
    """Implements `providers.local.ports.publishing.Publication`."""

    def __init__(self, session: LiveSession, encoder: Encoder) -> None:
        self._session = session
        self._encoder = encoder

    @property
    def collect(self) -> float:
        """Seconds of media the ingest may buffer before it hands it on."""
        return COLLECT[self._session.stored.options.latency_mode]

    def media(self, tag: FlvTag) -> None:
        """Handle a tag. Raises PublishRefused."""
        self._session.media(self._encoder, tag)

    def refused(self, refusal: MediaRefused) -> None:
        """Note that the encoder is refused for what it sends."""
        self._session.refused(self._encoder, refusal)

    def ended(self, reason: str) -> None:
        """Note that the encoder has left."""
        self._session.left(self._encoder, reason)
