"""One broadcast on a real storage, for tests of the playback routes."""

from __future__ import annotations

from aiohttp import web
from aiohttp.test_utils import TestClient

from providers.base import LatencyMode
from providers.local.packager.events import Part
from providers.local.playback import ThumbnailNotReady
from providers.local.storage.broadcast import Broadcast
from providers.local.storage.port import StorageBackend
from providers.local.storage.storage import Storage, StorageLimits
from tests.simulated_packager import INPUT, UID, SimulatedPackager, info

Client = TestClient[web.Request, web.Application]


class Library:
    """One broadcast on a real storage."""

    def __init__(self, backend: StorageBackend) -> None:
        self.storage = Storage(backend, StorageLimits(min_free=0))
        self.broadcast: Broadcast | None = None
        self.packager = SimulatedPackager()
        self.busy = False

    def begin(self, mode: LatencyMode = LatencyMode.STANDARD) -> Broadcast:
        self.broadcast = self.storage.begin(info(mode=mode))
        return self.broadcast

    def push(self, count: int = 1) -> None:
        for _ in range(count):
            for event in self.packager.segment():
                self.running.write("source", event)

    def push_part(self) -> Part:
        """Write the first part of the next video segment."""
        part = next(event for event in self.packager.segment() if isinstance(event, Part))
        self.running.write("source", part)
        return part

    @property
    def running(self) -> Broadcast:
        assert self.broadcast is not None
        return self.broadcast

    def finish(self) -> None:
        self.running.finish(self.packager.wall)
        self.broadcast = None

    def find_live(self, input_uid: str) -> Broadcast | None:
        return self.broadcast if input_uid == INPUT else None

    def find_broadcast(self, uid: str) -> Broadcast | None:
        return self.broadcast if uid == UID else None

    async def find_recording(self, uid: str) -> Broadcast | None:
        return await self.storage.open(uid)

    async def thumbnail(
        self, uid: str, width: int | None, height: int | None, fit: str, moment: float | None = None
    ) -> bytes | None:
        if self.busy:
            raise ThumbnailNotReady(9.5)
        at = "" if moment is None else f" {moment:g}"
        return f"{width}x{height} {fit}{at}".encode() if uid == UID else None


async def text(client: Client, path: str) -> str:
    answer = await client.get(path)
    assert answer.status == 200, path
    return await answer.text()
