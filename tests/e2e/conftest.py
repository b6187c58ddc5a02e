"""What most shows need: the service as a process of its own, and a browser."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.browser import Browser, chromium, missing
from tests.e2e.stage import Service, service
from tests.e2e.streamer import Streamer


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[Service]:
    """The service with its embedded defaults."""
    async with service(tmp_path) as running:
        yield running


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """A fresh Chromium."""
    if missing():
        pytest.skip(f"{missing()} is not installed")
    async with chromium() as started:
        yield started


@pytest.fixture
def streamer(live: Service, browser: Browser) -> Streamer:
    """Somebody in front of the studio."""
    return Streamer(browser, live)
