"""A real store under the domain."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from service.store import Store
from tests.contract.stores import opened_store


@pytest.fixture
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    async with opened_store("sqlite", request) as opened:
        yield opened
