"""Who stands behind the encoders in the provider contract suite, per implementation.

A `Stage` is a started provider together with what a test needs to publish to it and to let time pass. Register a new one in
`STAGES` as an async context manager that takes the test's `Tasks`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

from aiohttp import web

from providers.base import EventKind, LiveInput, Phase, Provider, ProviderEvent
from providers.cloudflare import webhooks
from providers.cloudflare.config import CloudflareConfig
from providers.cloudflare.provider import CloudflareProvider
from providers.memory import MemoryProvider
from service.concurrency.tasks import Tasks
from tests.clock import Clock
from tests.contract.fake_hand import FakeHand, fake_cloudflare
from tests.contract.local_stage import local_stage
from tests.serving import serving
from tests.waiting import PATIENCE


class Stage(Protocol):
    """A provider and a hand on its encoders. What a method caused is visible in `provider.state` when it returns."""

    provider: Provider

    async def connect(self, live: LiveInput) -> bool:
        """Push with `live.stream_key` until `drop` or `end`. Return False when the encoder is refused."""

    async def watchable(self, live: LiveInput) -> None:
        """Return when a player can play what the encoder sends."""

    async def drop(self, live: LiveInput) -> None:
        """Lose the encoder, within the reconnect window."""

    async def end(self, live: LiveInput) -> None:
        """Lose the encoder, if there still is one, let the window pass, and return when the recording is ready."""

    async def advance(self, seconds: float) -> None:
        """Let time pass, in the provider's eyes."""

    async def take_only(self, reconnect_timeout: int) -> bool:
        """Have the provider take no other reconnect timeout, in seconds; False when it is its own master and takes all."""


class MemoryStage:
    """The in-memory twin, driven by its own controls."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.memory = MemoryProvider(clock=self.clock.now)
        self.provider: Provider = self.memory

    async def connect(self, live: LiveInput) -> bool:
        return self.memory.connect(live.uid, live.stream_key)

    async def watchable(self, live: LiveInput) -> None:
        await self.advance(2)
        if not (await self.provider.state(live.uid)).is_watchable:
            self.memory.make_watchable(live.uid)

    async def drop(self, live: LiveInput) -> None:
        await self.advance(2)
        self.memory.drop(live.uid)

    async def end(self, live: LiveInput) -> None:
        await self.advance(2)
        if (await self.provider.state(live.uid)).phase is not Phase.RECONNECTING:
            self.memory.drop(live.uid)
        await self.advance(live.options.reconnect_timeout)
        await self.provider.state(live.uid)

    async def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)

    async def take_only(self, reconnect_timeout: int) -> bool:
        self.memory.refuse("reconnect_timeout", "another one", accepted=reconnect_timeout)
        return True


@asynccontextmanager
async def memory_stage(tasks: Tasks) -> AsyncIterator[Stage]:
    stage = MemoryStage()
    await stage.provider.start()
    yield stage
    await stage.provider.aclose()


class CloudflareStage:
    """The Cloudflare provider against the fake, with both kinds of webhook delivered over a socket."""

    def __init__(self, provider: CloudflareProvider, fake: FakeHand) -> None:
        self.provider: Provider = provider
        self._fake = fake
        self._ready: dict[str, asyncio.Event] = {}
        provider.listen(self._hear)

    async def connect(self, live: LiveInput) -> bool:
        path = f"/inputs/{live.uid}/connect"
        let_in = (await self._fake.admin(path, stream_key=live.stream_key)).status == 200
        await self._look(live)
        return let_in

    async def watchable(self, live: LiveInput) -> None:
        await self.advance(self._fake.config.switches.watchable_delay)
        await self._look(live)

    async def drop(self, live: LiveInput) -> None:
        await self.advance(2)
        await self._fake.admin(f"/inputs/{live.uid}/drop")
        await self._look(live)

    async def end(self, live: LiveInput) -> None:
        ready = self._ready[live.uid] = asyncio.Event()
        switches = self._fake.config.switches
        await self._fake.admin(f"/inputs/{live.uid}/drop")
        await self._look(live)
        await self.advance(live.options.reconnect_timeout + switches.hold_margin)
        await self._look(live)
        await self.advance(switches.ready_delay)
        async with asyncio.timeout(PATIENCE):
            await ready.wait()
        await self._look(live)

    async def advance(self, seconds: float) -> None:
        await self._fake.advance(seconds)

    async def take_only(self, reconnect_timeout: int) -> bool:
        await self._fake.admin("/switches", accepted_timeouts=[reconnect_timeout])
        return True

    async def _look(self, live: LiveInput) -> None:
        """Read the state, as players do all the time: Cloudflare sends no notification when a stream becomes watchable."""
        await self.provider.state(live.uid)

    def _hear(self, event: ProviderEvent) -> None:
        if event.kind is EventKind.RECORDING_READY and event.input_uid in self._ready:
            self._ready[event.input_uid].set()


@asynccontextmanager
async def cloudflare_stage(tasks: Tasks) -> AsyncIterator[Stage]:
    async with fake_cloudflare() as fake:
        config = CloudflareConfig(
            account_id=fake.config.account_id,
            api_token=fake.config.api_token,
            base_url=fake.base_url,
            live_webhook_secret="secret of the destination",
        )
        provider = CloudflareProvider(config, tasks.spawn, clock=fake.clock.now)
        app = web.Application()
        app.add_routes(webhooks.routes(provider))
        async with serving(app) as origin:
            url = f"{origin}/webhooks/cloudflare"
            await fake.admin("/destination", url=f"{url}/live", secret=config.live_webhook_secret)
            await fake.api("PUT", "/webhook", json={"notificationUrl": f"{url}/video"})
            await provider.start()
            yield CloudflareStage(provider, fake)
            await provider.aclose()


STAGES: dict[str, Callable[[Tasks], AbstractAsyncContextManager[Stage]]] = {
    "memory": memory_stage,
    "cloudflare": cloudflare_stage,
    "local": local_stage,
}
