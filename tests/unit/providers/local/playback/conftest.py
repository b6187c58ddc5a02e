"""The playback routes over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from providers.local.playback import PlaybackLimits, routes
from providers.local.storage.disk import DiskBackend
from providers.local.storage.memory import MemoryBackend
from tests.unit.providers.local.playback.library import Client, Library


@pytest.fixture(params=["disk", "memory"])
def library(request: pytest.FixtureRequest, tmp_path: Path) -> Library:
    return Library(DiskBackend(tmp_path, sync=False) if request.param == "disk" else MemoryBackend())


@pytest.fixture
def limits() -> PlaybackLimits:
    """Return the limits of the routes. A test overrides them with `parametrize`."""
    return PlaybackLimits()


@pytest.fixture
async def client(library: Library, limits: PlaybackLimits) -> AsyncIterator[Client]:
    app = web.Application()
    app.add_routes(routes(library, limits))
    async with TestClient(TestServer(app)) as client:
        yield client
