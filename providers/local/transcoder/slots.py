"""How many broadcasts may be transcoded at the same time (`CONFERENCE_MAX_TRANSCODES`): one 720p rendition takes half a core."""

from __future__ import annotations

import asyncio

import structlog

log = structlog.get_logger(__name__)


class TranscodeSlots:
    """`limit` places for all inputs together; who comes first is served first. With 0 nobody is.

    A broadcast without a place runs as its source only, says so in the log, and gets its renditions when a place is free. It
    keeps the place until it ends, also while ffmpeg is being restarted.
    """

    def __init__(self, limit: int) -> None:
        if limit < 0:
            raise ValueError("the limit of transcodes is 0 or more")
        self.limit = limit
        self.used = 0
        """Places that are taken."""
        self._free = asyncio.Semaphore(limit)

    async def take(self, name: str) -> None:
        """Wait for a place; `name` is for the log."""
        if self._free.locked():
            log.warning("no transcode slot is free: source only for now", transcoder=name, limit=self.limit)
        await self._free.acquire()
        self.used += 1

    def release(self) -> None:
        """Give a place back."""
        self.used -= 1
        self._free.release()
