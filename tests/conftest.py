"""Fixtures every test may use."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from service.tasks import Tasks


@pytest.fixture(autouse=True)
async def no_lost_exceptions() -> AsyncIterator[None]:
    """Fail the test when a task or a callback of its loop raised and nobody looked."""
    lost: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: lost.append(context))
    yield
    assert lost == []


@pytest.fixture
async def tasks() -> AsyncIterator[Tasks]:
    """An owner of background tasks; the test fails when one of them does."""
    failures: list[BaseException] = []
    owner = Tasks(on_failure=failures.append)
    yield owner
    await owner.aclose()
    assert failures == []
