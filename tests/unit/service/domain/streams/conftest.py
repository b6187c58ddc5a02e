"""A stage on a real store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from service.concurrency.tasks import Tasks
from service.domain.streams.queries import QueryLimits
from service.store import Store
from tests.stage import StoredStage


@pytest.fixture
def query_limits() -> QueryLimits:
    """Return the limits of the stage's queries. A test overrides them with `parametrize`."""
    return QueryLimits()


@pytest.fixture
async def stage(store: Store, tasks: Tasks, query_limits: QueryLimits) -> AsyncIterator[StoredStage]:
    async with aclosing(StoredStage(store, tasks, queries=query_limits)) as stage:
        yield stage
