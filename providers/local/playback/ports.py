"""Where the playback routes find what to play; `providers.local.library` implements it."""

from __future__ import annotations

from typing import Protocol

from providers.local.storage.broadcast import Broadcast


class ThumbnailNotReady(Exception):
    """There is a picture, but it cannot be made right now; in `seconds` it may."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"in {seconds} s")
        self.seconds = seconds


class PlaybackSource(Protocol):
    """Where the routes find what to play."""

    def find_live(self, input_uid: str) -> Broadcast | None:
        """The running broadcast of a live input."""

    def find_broadcast(self, uid: str) -> Broadcast | None:
        """The running broadcast with this uid of its own."""

    async def find_recording(self, uid: str) -> Broadcast | None:
        """The finished broadcast with this uid (`Storage.open`)."""

    async def thumbnail(self, uid: str, width: int | None, height: int | None, fit: str) -> bytes | None:
        """A JPEG of an input uid (live) or a recording uid; None when there is no picture. Raises ThumbnailNotReady."""
