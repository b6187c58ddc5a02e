"""Fixtures every test may use."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from service.concurrency.tasks import Tasks
from service.store.migrate import migrate
from tests import servers
from tests.s3 import S3Server, s3_server

# How fast examples are made and tried says something about the machine, which may be busy, and nothing about the code.
settings.register_profile("conference", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("conference")


@pytest.fixture(autouse=True)
async def no_lost_exceptions() -> AsyncIterator[None]:
    """Fail the test when a task or a callback of its loop raised an exception that was not retrieved."""
    lost: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: lost.append(context))
    yield
    assert lost == []


@pytest.fixture
async def tasks() -> AsyncIterator[Tasks]:
    """Yield an owner of background tasks; the test fails when one of them does."""
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
    """Yield a fresh database for the test: `postgresql://…`."""
    with postgres_server.database() as url:
        yield url


def _migrate(url: str) -> None:
    """In a thread of its own, because a fixture may be made while the test's loop runs."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, migrate(url)).result()


@pytest.fixture(scope="session")
def session_postgresql(postgres_server: servers.PostgresServer) -> Iterator[str]:
    """One database with the newest schema for the whole run; tests take `migrated_postgresql`."""
    with postgres_server.database() as url:
        _migrate(url)
        yield url


@pytest.fixture
def migrated_postgresql(postgres_server: servers.PostgresServer, session_postgresql: str) -> str:
    """Return a database with the newest schema and no rows: `postgresql://…`. Clearing it costs a fifth of creating one."""
    postgres_server.clear(session_postgresql)
    return session_postgresql


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run the migrations once. Their connection is closed, so nothing is left in a write-ahead log."""
    file = tmp_path_factory.mktemp("template") / "store.db"
    _migrate(f"sqlite:///{file}")
    return file


@pytest.fixture
def migrated_sqlite(sqlite_template: Path, tmp_path: Path) -> str:
    """Return a fresh database with the newest schema, copied: `sqlite:///…`."""
    return f"sqlite:///{shutil.copyfile(sqlite_template, tmp_path / 'store.db')}"


@pytest.fixture(scope="session")
def session_s3() -> Iterator[S3Server]:
    """One S3 server for the whole run; tests take `s3`."""
    with s3_server() as server:
        yield server


@pytest.fixture
def s3(session_s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """Return the S3 server without objects, with its address and key in the environment. A test may stop and start it."""
    session_s3.clear()
    for name, value in session_s3.environment.items():
        monkeypatch.setenv(name, value)
    return session_s3


@pytest.fixture(scope="session")
def session_redis() -> Iterator[servers.RedisServer]:
    """One Redis for the whole run; tests take `redis_server` or `redis_url`."""
    with servers.redis_server() as server:
        yield server


@pytest.fixture
def redis_server(session_redis: servers.RedisServer) -> servers.RedisServer:
    """Return a running, empty Redis. A test may stop and start it."""
    session_redis.flush()
    return session_redis


@pytest.fixture
def redis_url(redis_server: servers.RedisServer) -> str:
    """Return the address of an empty Redis."""
    return redis_server.url
