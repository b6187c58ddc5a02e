"""The implementations that the provider's contract suite runs on.

A `ProviderDriver` is a started provider with what a test needs to publish to it and to let time pass. Register a new one in
`DRIVERS` as an async context manager that takes the test's `Tasks`.
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
from tests.contract.fake_cloudflare import FakeCloudflare, fake_cloudflare
from tests.contract.local_driver import local_driver
from tests.serving import serving
from tests.waiting import PATIENCE


class ProviderDriver(Protocol):
    """A provider, and control of its encoders. The effect of a method is visible in `provider.state` when it returns."""

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
        """Let time pass for the provider."""

    async def accept_only(self, reconnect_timeout: int) -> bool:
        """Make the provider refuse other reconnect timeouts, in seconds. Return False if it accepts all."""


class MemoryDriver:
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

    async def accept_only(self, reconnect_timeout: int) -> bool:
        self.memory.refuse("reconnect_timeout", "another one", accepted=reconnect_timeout)
        return True


@asynccontextmanager
async def memory_driver(tasks: Tasks) -> AsyncIterator[ProviderDriver]:
    driver = MemoryDriver()
    await driver.provider.start()
    yield driver
    await driver.provider.aclose()


class CloudflareDriver:
    """The Cloudflare provider against the fake, with both kinds of webhook delivered over a socket."""

    def __init__(self, provider: CloudflareProvider, fake: FakeCloudflare) -> None:
        self.provider: Provider = provider
        self._fake = fake
        self._ready: dict[str, asyncio.Event] = {}
        provider.listen(self._on_event)

    async def connect(self, live: LiveInput) -> bool:
        path = f"/inputs/{live.uid}/connect"
        let_in = (await self._fake.admin(path, stream_key=live.stream_key)).status == 200
        await self._refresh(live)
        return let_in

    async def watchable(self, live: LiveInput) -> None:
        await self.advance(self._fake.config.switches.watchable_delay)
        await self._refresh(live)

    async def drop(self, live: LiveInput) -> None:
        await self.advance(2)
        await self._fake.admin(f"/inputs/{live.uid}/drop")
        await self._refresh(live)

    async def end(self, live: LiveInput) -> None:
        ready = self._ready[live.uid] = asyncio.Event()
        switches = self._fake.config.switches
        await self._fake.admin(f"/inputs/{live.uid}/drop")
        await self._refresh(live)
        await self.advance(live.options.reconnect_timeout + switches.hold_margin)
        await self._refresh(live)
        await self.advance(switches.ready_delay)
        async with asyncio.timeout(PATIENCE):
            await ready.wait()
        await self._refresh(live)

    async def advance(self, seconds: float) -> None:
        await self._fake.advance(seconds)

    async def accept_only(self, reconnect_timeout: int) -> bool:
        await self._fake.admin("/switches", accepted_timeouts=[reconnect_timeout])
        return True

    async def _refresh(self, live: LiveInput) -> None:
        """Read the state, as players do all the time: Cloudflare sends no notification when a stream becomes watchable."""
        await self.provider.state(live.uid)

    def _on_event(self, event: ProviderEvent) -> None:
        if event.kind is EventKind.RECORDING_READY and event.input_uid in self._ready:
            self._ready[event.input_uid].set()


@asynccontextmanager
async def cloudflare_driver(tasks: Tasks) -> AsyncIterator[ProviderDriver]:
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
            yield CloudflareDriver(provider, fake)
            await provider.aclose()


DRIVERS: dict[str, Callable[[Tasks], AbstractAsyncContextManager[ProviderDriver]]] = {
    "memory": memory_driver,
    "cloudflare": cloudflare_driver,
    "local": local_driver,
}
