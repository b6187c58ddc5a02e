"""The source of broadcasts for the playback routes. `providers.local.library` implements it."""

from __future__ import annotations

from typing import Protocol

from providers.local.storage.broadcast import Broadcast


class ThumbnailNotReady(Exception):
    """A thumbnail exists but cannot be created now. Retry after `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"in {seconds} s")
        self.seconds = seconds


class Owners(Protocol):
    """Knows the nodes that carry broadcasts."""

    def url_of(self, uid: str) -> str | None:
        """Return where the other node is reached that carries the input or broadcast with this uid; None if none does."""


class PlaybackSource(Protocol):
    """Broadcasts, recordings and thumbnails by uid."""

    def find_live(self, uid: str) -> Broadcast | None:
        """Return the running broadcast of the live input with this uid; None if there is none."""

    def find_broadcast(self, uid: str) -> Broadcast | None:
        """Return the running broadcast with this uid; None if there is none."""

    async def find_recording(self, uid: str) -> Broadcast | None:
        """Return the finished broadcast with this uid (`Storage.open`); None if there is none."""

    async def thumbnail(
        self, uid: str, width: int | None, height: int | None, fit: str, moment: float | None = None
    ) -> bytes | None:
        """Return a JPEG thumbnail.

        Args:
            uid: The uid of an input (live), a broadcast or a recording.
            width: Pixels; None follows from the height.
            height: Pixels; None follows from the width.
            fit: `crop`, `clip`, `scale` or `fill`.
            moment: Of a recording: the last keyframe before it, in seconds from the start. None: the storage's choice.

        Returns:
            None when there is no video yet.

        Raises:
            ThumbnailNotReady: Too many thumbnails are being created.
        """
