"""Stores over fresh databases of each kind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from service.store import Store
from service.store.migrate import migrate


@asynccontextmanager
async def opened_store(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """A store over a new database: `sqlite` or `postgresql`."""
    url = f"sqlite:///{tmp_path / 'store.db'}" if kind == "sqlite" else str(request.getfixturevalue("postgres_url"))
    await migrate(url)
    store = Store(url)
    try:
        yield store
    finally:
        await store.aclose()
