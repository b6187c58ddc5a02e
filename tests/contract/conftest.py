"""A store of each kind for the suites of its ports."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from service.store import Store
from tests.contract.stores import opened_store


@pytest.fixture(params=["sqlite", "postgresql"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    async with opened_store(request.param, request) as opened:
        yield opened
