"""What the ingest asks: may this key publish, and who takes the media.

The protocol asks, the gate answers, the ingest carries the answer to the encoder.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from providers.health import RefusalKind
from providers.local.flv.tag import FlvTag

ADMIT_TIMEOUT = 2.0
"""Seconds the gate has to answer; after that the publish is refused (fail closed)."""


class PublishRefused(Exception):
    """The encoder may not publish, or not go on.

    `code` is the onStatus code (NetStream.Publish.BadName, NetStream.Publish.Denied, ...); `description` is a sentence for the
    streamer, shown in OBS's log. Neither ever holds the stream key.
    """

    def __init__(self, code: str, description: str) -> None:
        super().__init__(description)
        self.code = code
        self.description = description


class MediaRefused(PublishRefused):
    """The encoder sends what this server cannot take, and will do so again until its settings are changed."""

    def __init__(self, kind: RefusalKind, code: str, description: str) -> None:
        super().__init__(code, description)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class PublishRequest:
    """An encoder that wants to publish.

    `app` and `stream_key` come from connect and publish (a query after the key is cut off), `encoder` is flashVer. `close` ends
    the connection from the other side: onStatus error with this code and description, then close; safe to call twice and late.
    """

    app: str
    stream_key: str = field(repr=False)
    address: str
    encrypted: bool
    encoder: str
    close: Callable[[str, str], None] = field(repr=False)


class Publication(Protocol):
    """A publish that was let in."""

    @property
    def collect(self) -> float:
        """Seconds of media the ingest may collect before it hands it on: the fewer turns, the cheaper a stream."""

    def media(self, tag: FlvTag) -> None:
        """Take one audio, video or script message (the @setDataFrame wrapper is taken off). Never waits.

        Raises PublishRefused when the media cannot be carried (an unsupported codec): the ingest tells the encoder and closes.
        """

    def refused(self, refusal: MediaRefused) -> None:
        """The encoder is refused for what it sends, by `media` or by the ingest. `ended` follows."""

    def ended(self, reason: str) -> None:
        """The encoder is gone. `reason`: unpublished (it said good-bye), closed, timeout, protocol_error, refused. Called once."""


class PublishGate(Protocol):
    """Decides who may publish."""

    async def admit(self, request: PublishRequest) -> Publication:
        """Let the publisher in or raise PublishRefused. Called before any media is taken; bounded by ADMIT_TIMEOUT."""
