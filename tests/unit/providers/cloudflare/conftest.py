"""A provider on a fake Cloudflare of its own."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from providers.base import LiveInput
from providers.cloudflare.config import CloudflareConfig
from providers.cloudflare.provider import CloudflareProvider
from service.concurrency.tasks import Tasks
from tests.contract.fake_cloudflare import FakeCloudflare, fake_cloudflare
from tests.unit.providers.cloudflare.fake_account import REQUEST, Make


@pytest.fixture
async def fake() -> AsyncIterator[FakeCloudflare]:
    async with fake_cloudflare() as fake:
        yield fake


@pytest.fixture
def waits() -> list[float]:
    """How long the provider waited between attempts, in seconds; no test does."""
    return []


@pytest.fixture
async def make(fake: FakeCloudflare, tasks: Tasks, waits: list[float]) -> AsyncIterator[Make]:
    """Another provider of the same account, as after a restart; start it yourself."""

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    async with AsyncExitStack() as close:

        def make(*, monotonic: Callable[[], float] = time.monotonic, **settings: Any) -> CloudflareProvider:
            known = {
                "account_id": fake.config.account_id,
                "api_token": fake.config.api_token,
                "base_url": fake.base_url,
            }
            config = CloudflareConfig(**(known | settings))
            provider = CloudflareProvider(config, tasks.spawn, clock=fake.clock.now, monotonic=monotonic, sleep=sleep)
            close.push_async_callback(provider.aclose)
            return provider

        yield make


@pytest.fixture
async def provider(make: Make) -> CloudflareProvider:
    provider = make()
    await provider.start()
    return provider


@pytest.fixture
async def live(provider: CloudflareProvider) -> LiveInput:
    return await provider.ensure_input(REQUEST)
