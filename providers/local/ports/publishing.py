"""The port between an ingest and the broadcasts: may this encoder publish, and where does its media go?

The protocol asks, the gate answers, and the ingest carries the answer to the encoder.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from providers.local.flv.tag import FlvTag
from providers.local.ports.refusals import MediaRefused, Refusal

APP = "live"
"""The RTMP application: rtmps://HOST:PORT/live."""


@dataclass(frozen=True, slots=True)
class PublishRequest:
    """An encoder's request to publish.

    Attributes:
        app: The application of the server URL.
        stream_key: The stream key, without a query.
        address: The encoder's IP address.
        encrypted: Whether the connection uses TLS.
        encoder: The name the encoder gave itself, such as RTMP's flashVer.
        close: Sends the encoder a refusal and closes the connection. Further calls do nothing.
    """

    app: str
    stream_key: str = field(repr=False)
    address: str
    encrypted: bool
    encoder: str
    close: Callable[[Refusal], None] = field(repr=False)


class Publication(Protocol):
    """An accepted publish."""

    @property
    def collect(self) -> float:
        """Seconds of media the ingest may buffer before it hands it on. Fewer wake-ups make a stream cheaper."""

    def media(self, tag: FlvTag) -> None:
        """Handle one tag. Never waits.

        Args:
            tag: An audio, video or script tag, without the @setDataFrame wrapper.

        Raises:
            PublishRefused: The media cannot be carried. The ingest sends the refusal and closes the connection.
        """

    def refused(self, refusal: MediaRefused) -> None:
        """Note that the encoder is refused for what it sends, by `media` or by the ingest. `ended` follows.

        Args:
            refusal: What is refused, and the sentence that the encoder is sent.
        """

    def ended(self, reason: str) -> None:
        """Note that the encoder has left. Called once.

        Args:
            reason: unpublished (it ended the publish itself), closed, timeout, protocol_error or refused.
        """


class PublishGate(Protocol):
    """Decides which encoders may publish."""

    async def admit(self, request: PublishRequest) -> Publication:
        """Accept the publisher. Called before any media is read; bounded by the ingest's `admit_timeout`.

        Args:
            request: Who wants to publish where.

        Returns:
            The publication that receives the encoder's media.

        Raises:
            PublishRefused: The encoder may not publish.
        """
