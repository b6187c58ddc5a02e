"""Where a pipeline writes an encoder's tags: a small protocol, so that more targets can be added beside the source's packager."""

from __future__ import annotations

from typing import Protocol

from providers.local.flv.tag import FlvTag
from providers.local.packager.packager import Packager


class TagSink(Protocol):
    """Receives every tag of one encoder, in order."""

    @property
    def ready(self) -> bool:
        """Everything it offers to players can be played, or it offers nothing."""

    def feed(self, tag: FlvTag, arrived: float) -> None:
        """Handle one tag.

        Args:
            tag: An audio, video or script tag in classic FLV form where that exists.
            arrived: When it arrived, in Unix seconds.

        Raises:
            UnsupportedCodec: The codec cannot be carried.
            StorageError: The output could not be stored.
        """

    def close(self) -> None:
        """Store what is open: the encoder has left. Raises StorageError."""

    def discard(self) -> None:
        """Drop what is open: the encoder was refused. Raises StorageError."""


class MainSink(TagSink, Protocol):
    """The sink that decides whether the broadcast can be played."""

    @property
    def playable(self) -> bool:
        """Its main rendition can be played."""

    @property
    def packager(self) -> Packager:
        """The packager of its main rendition, which measures the stream."""
