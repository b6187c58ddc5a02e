"""A live server on the test's own clock."""

from __future__ import annotations

from pathlib import Path

import pytest

from providers.base import Spawn
from service.concurrency.tasks import Tasks
from tests.unit.providers.local.live.live_server import LiveServer


@pytest.fixture
def spawn(tasks: Tasks) -> Spawn:
    return tasks.spawn


@pytest.fixture
def server(tmp_path: Path, spawn: Spawn) -> LiveServer:
    return LiveServer(tmp_path, spawn)
