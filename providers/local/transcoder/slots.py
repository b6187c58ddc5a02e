"""Limits how many broadcasts are transcoded at once (`CONFERENCE_MAX_TRANSCODES`). One 720p rendition takes half a core."""

from __future__ import annotations

import asyncio

import structlog

log = structlog.get_logger(__name__)


class TranscodeSlots:
    """`limit` slots for all inputs together, in the order of request. With 0 no broadcast is transcoded.

    A broadcast without a slot has its source only, which is logged; its renditions start when a slot becomes free. It keeps its
    slot until it ends, also while ffmpeg restarts.
    """

    def __init__(self, limit: int) -> None:
        if limit < 0:
            raise ValueError("the limit of transcodes must be 0 or more")
        self.limit = limit
        self.used = 0
        """Slots in use."""
        self._free = asyncio.Semaphore(limit)

    async def acquire(self, name: str) -> None:
        """Wait for a slot; `name` is for the log."""
        if self._free.locked():
            log.warning("no transcode slot free, serving source only", transcoder=name, limit=self.limit)
        await self._free.acquire()
        self.used += 1

    def release(self) -> None:
        """Free a slot."""
        self.used -= 1
        self._free.release()
