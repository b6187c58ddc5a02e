"""The storages that the tests run on."""

from __future__ import annotations

from pathlib import Path

import pytest

from providers.local.storage.disk import DiskBackend
from providers.local.storage.memory import MemoryBackend
from providers.local.storage.port import StorageBackend


@pytest.fixture(params=["disk", "memory"])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> StorageBackend:
    return DiskBackend(tmp_path, sync=False) if request.param == "disk" else MemoryBackend()
