"""A broadcast of a test pattern on a real storage, served over real HTTP, without RTMP: for tests of what players meet."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import web

from providers.base import LatencyMode
from providers.local.flv.file import FlvReader
from providers.local.flv.tag import FlvTag
from providers.local.packager.cutting import PART_TARGET_LOW_LATENCY, PackagerSettings
from providers.local.packager.events import PackagerEvent
from providers.local.packager.packager import Packager
from providers.local.playback import routes
from providers.local.storage.broadcast import Broadcast
from providers.local.storage.disk import DiskBackend
from providers.local.storage.index import BroadcastInfo
from providers.local.storage.storage import Storage, StorageLimits
from tests.serving import serving

INPUT = "1" * 32
BROADCAST = "2" * 32

PARTS = {LatencyMode.LOW: PART_TARGET_LOW_LATENCY}
"""Longest part, in seconds, of a mode; a second elsewhere."""


def moving_pattern(folder: Path, seconds: int) -> list[FlvTag]:
    """Return moving video with a tone, keyframes every second, as an encoder would send it."""
    command = (
        "ffmpeg -v error -f lavfi -i testsrc2=s=320x180:r=25 -f lavfi -i sine=f=440:r=48000 -t {0} -threads 1"
        " -c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 25 -bf 2 -c:a aac -ac 2 -f flv pipe:1"
    )
    made = subprocess.run(command.format(seconds).split(), capture_output=True, check=True, timeout=60, cwd=folder)
    return FlvReader().feed(made.stdout)


class ServedBroadcast:
    """One broadcast, running or finished, and the library the playback routes ask."""

    def __init__(self, folder: Path, mode: LatencyMode = LatencyMode.STANDARD) -> None:
        self.storage = Storage(DiskBackend(folder, sync=False), StorageLimits(min_free=0))
        self.part_target = PARTS.get(mode, 1.0)
        self.watchable = asyncio.Event()
        created = datetime.fromtimestamp(time.time(), UTC)
        self.running: Broadcast | None = self.storage.begin(
            BroadcastInfo(BROADCAST, INPUT, "Pattern", created, mode, self.part_target)
        )

    def packager(self) -> Packager:
        """Return a packager that continues where the broadcast is."""
        assert self.running is not None
        settings = PackagerSettings(
            part_target=self.part_target, low_latency=self.running.info.latency_mode is LatencyMode.LOW
        )
        return Packager(settings, self.running.resume("source"))

    def feed(self, packager: Packager, tag: FlvTag, arrived: float) -> None:
        self._take(packager, packager.feed(tag, arrived))

    def flush(self, packager: Packager) -> None:
        self._take(packager, packager.flush())

    def _take(self, packager: Packager, events: list[PackagerEvent]) -> None:
        assert self.running is not None
        self.running.promise(packager.target_duration, packager.part_target)
        for event in events:
            self.running.write("source", event)
        if self.running.watchable:
            self.watchable.set()

    def push(self, tags: list[FlvTag], began: float) -> None:
        """All at once, as if it had begun at `began`."""
        packager = self.packager()
        for tag in tags:
            self.feed(packager, tag, began + tag.timestamp / 1000)
        self.flush(packager)

    async def push_live(self, tags: list[FlvTag]) -> None:
        """In real time."""
        packager, began = self.packager(), time.time()
        for tag in tags:
            await asyncio.sleep(began + tag.timestamp / 1000 - time.time())
            self.feed(packager, tag, time.time())
        self.flush(packager)

    def finish(self) -> None:
        assert self.running is not None
        assert self.running.finish(time.time()) is not None
        self.running = None

    # providers.local.playback.PlaybackSource

    def find_live(self, input_uid: str) -> Broadcast | None:
        return self.running if input_uid == INPUT else None

    def find_broadcast(self, uid: str) -> Broadcast | None:
        return self.running if uid == BROADCAST else None

    async def find_recording(self, uid: str) -> Broadcast | None:
        return await self.storage.open(uid)

    async def thumbnail(self, uid: str, width: int | None, height: int | None, fit: str) -> bytes | None:
        return b"a picture" if uid in (INPUT, BROADCAST) else None


@asynccontextmanager
async def served(showing: ServedBroadcast, *more: web.RouteDef) -> AsyncIterator[str]:
    """Yield the address the showing is served at."""
    app = web.Application()
    app.add_routes([*routes(showing), *more])
    try:
        async with serving(app) as origin:
            yield origin
    finally:
        showing.storage.close()
