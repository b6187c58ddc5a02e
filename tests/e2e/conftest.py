"""One service for all tests of a module, each with an organization of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.e2e.browser import Browser, chromium, missing
from tests.e2e.server import Server
from tests.e2e.service import Service, service, visiting
from tests.e2e.streamer import Streamer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Yield the module's service, with its embedded defaults; tests use `live`."""
    running = Server(tmp_path_factory.mktemp("service"))
    try:
        running.start()
        yield running
    finally:
        running.close()


@pytest.fixture
async def live(server: Server) -> AsyncIterator[Service]:
    """Yield an organization in the module's service. A test that ends the service uses `own`."""
    async with visiting(server) as organization:
        yield organization
    server.assert_running()


@pytest.fixture
async def own(tmp_path: Path) -> AsyncIterator[Service]:
    """Yield a service for this test alone, with its embedded defaults."""
    async with service(tmp_path) as running:
        yield running


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """Yield a fresh browser with its own profile."""
    if missing():
        pytest.skip(f"{missing()} is not installed")
    async with chromium() as started:
        yield started


@pytest.fixture
def streamer(live: Service, browser: Browser) -> Streamer:
    """Return a streamer in front of the studio."""
    return Streamer(browser, live)
