"""Settings of a service that was never started."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.settings import Settings
from tests import servers


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    ports = {name: servers.free_port() for name in ("http_port", "rtmp_port", "rtmps_port")}
    return Settings(data_dir=tmp_path, **ports)
