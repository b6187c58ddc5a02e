"""The local provider on real sockets and a real disk, with encoders of our own and a clock that only moves on request."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from providers.base import LiveInput, Phase, Provider
from providers.local.config import LocalConfig
from providers.local.flv.tag import TagKind
from providers.local.ports.inputs import MemoryInputStore
from providers.local.provider import LocalProvider
from providers.local.tls import context as tls
from providers.local.tls.authority import ensure_local_certificate
from providers.local.transcoder.renditions import parse_renditions
from service.concurrency.tasks import Tasks
from tests.clock import Clock
from tests.unit.providers.local.ingest.clients import Client
from tests.unit.providers.local.packager.tags import stream
from tests.waiting import PATIENCE


class LocalDriver:
    """Publishes over plain RTMP: headers and one second at once, then a second for every `watchable`."""

    def __init__(self, provider: LocalProvider, clock: Clock) -> None:
        self.local = provider
        self.provider: Provider = provider
        self.clock = clock
        self._encoders: dict[str, Client] = {}

    async def connect(self, live: LiveInput) -> bool:
        client = await Client.to_input(live)
        client.publish(live.stream_key)
        level, _ = (await client.read_statuses())[-1]
        if level == "error":
            await client.close()
            return False
        if (before := self._encoders.get(live.uid)) is not None:
            await before.close()
        self._encoders[live.uid] = client
        return True

    async def watchable(self, live: LiveInput) -> None:
        client = self._encoders[live.uid]
        client.send(client.encoder.metadata())
        for tag in stream(2.1):
            send = client.encoder.video if tag.kind is TagKind.VIDEO else client.encoder.audio
            client.send(send(tag.timestamp, tag.payload))
        await self._until(live, lambda phase: phase is Phase.LIVE)

    async def drop(self, live: LiveInput) -> None:
        self.clock.advance(1)
        client = self._encoders.pop(live.uid, None)
        if client is not None:
            await client.close()
        await self._until(live, lambda phase: phase is Phase.RECONNECTING)

    async def end(self, live: LiveInput) -> None:
        if live.uid in self._encoders:
            await self.drop(live)
        await self.advance(live.options.reconnect_timeout)
        await self._until(live, lambda phase: phase in (Phase.ENDED, Phase.OFFLINE))

    async def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)

    async def accept_only(self, reconnect_timeout: int) -> bool:
        return False

    async def _until(self, live: LiveInput, wanted: Callable[[Phase], bool]) -> None:
        """Wait until the phase is reached: bytes are under way, and the provider checks its clock by itself."""
        async with asyncio.timeout(PATIENCE):
            while not wanted((await self.provider.state(live.uid)).phase):  # noqa: ASYNC110 (bytes are under way)
                await asyncio.sleep(0.01)

    async def aclose(self) -> None:
        for client in self._encoders.values():
            await client.close()


@asynccontextmanager
async def local_driver(tasks: Tasks) -> AsyncIterator[LocalDriver]:
    clock = Clock()
    with tempfile.TemporaryDirectory() as home:
        files = ensure_local_certificate(Path(home) / "tls", ["localhost"])
        config = LocalConfig(
            directory=Path(home) / "recordings",
            public_url="http://127.0.0.1:1",
            public_rtmp_host="127.0.0.1",
            rtmp_host="127.0.0.1",
            rtmp_port=0,
            rtmps_port=0,
            tls=tls.server_context(files.certificate, files.key),
            renditions=parse_renditions("source"),
            max_transcodes=0,
        )
        provider = LocalProvider(
            config, MemoryInputStore(), tasks.spawn, clock=clock.monotonic, monotonic=clock.monotonic
        )
        await provider.start()
        driver = LocalDriver(provider, clock)
        yield driver
        await driver.aclose()
        await provider.aclose()
