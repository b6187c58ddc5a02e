"""Fixtures every test may use."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from service.tasks import Tasks
from tests import servers

# How fast examples are made and tried says something about the machine, which may be busy, and nothing about the code.
settings.register_profile("conference", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("conference")


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


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[servers.PostgresServer]:
    """One PostgreSQL for the whole run. A test may stop and start it."""
    with servers.postgres_server() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: servers.PostgresServer) -> Iterator[str]:
    """A fresh database of its own for the test: `postgresql://…`."""
    with postgres_server.database() as url:
        yield url


@pytest.fixture(scope="session")
def session_redis() -> Iterator[servers.RedisServer]:
    """One Redis for the whole run; tests take `redis_server` or `redis_url`."""
    with servers.redis_server() as server:
        yield server


@pytest.fixture
def redis_server(session_redis: servers.RedisServer) -> servers.RedisServer:
    """A running, empty Redis. A test may stop and start it."""
    session_redis.flush()
    return session_redis


@pytest.fixture
def redis_url(redis_server: servers.RedisServer) -> str:
    """The address of an empty Redis."""
    return redis_server.url
