"""Stores over fresh databases of each kind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from service.api.changes import describe
from service.store import Store


@asynccontextmanager
async def opened_store(kind: str, request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    """Yield a store over a new database: `sqlite` or `postgresql`."""
    store = Store(str(request.getfixturevalue(f"migrated_{kind}")), describe)
    try:
        yield store
    finally:
        await store.aclose()
