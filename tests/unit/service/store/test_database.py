"""A database that is unavailable: every query raises an error, and the log has one line."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import aiosqlite
import pytest
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection
from structlog.testing import capture_logs

from service.domain.errors import Unavailable
from service.store.database import Database, DatabaseLimits
from tests.servers import PostgresServer

LIMITS = DatabaseLimits()


async def one(connection: AsyncConnection) -> int:
    return int((await connection.execute(select(1))).scalar_one())


async def test_an_outage_is_logged_once_and_so_is_its_end(tmp_path: Path) -> None:
    file = tmp_path / "store.db"
    file.mkdir()  # nothing SQLite could open
    database = Database(f"sqlite:///{file}")
    with capture_logs() as logs:
        for _ in range(3):
            with pytest.raises(Unavailable):
                await database.read(one)
        file.rmdir()
        assert [await database.read(one) for _ in range(3)] == [1, 1, 1]
    await database.aclose()
    assert [line["event"] for line in logs] == ["store unavailable", "store available again"]


async def test_a_failover_to_another_primary_is_followed(postgres_url: str, postgres_server: PostgresServer) -> None:
    """A standby answers, and takes no writes; its connections are as good as dead."""
    name = postgres_url.rpartition("/")[2]

    async def write(connection: AsyncConnection) -> None:
        await connection.execute(text("CREATE TABLE written (id int)"))

    postgres_server.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    database = Database(postgres_url)
    with pytest.raises(Unavailable):
        await database.write(write)
    postgres_server.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
    await database.write(write)
    await database.aclose()


async def test_a_deadlock_is_a_moment_to_try_again_at(postgres_url: str) -> None:
    database = Database(postgres_url)

    async def deadlocked(connection: AsyncConnection) -> None:
        await connection.execute(
            text("DO $$ BEGIN RAISE EXCEPTION 'deadlock detected' USING ERRCODE = '40P01'; END $$")
        )

    with pytest.raises(Unavailable):
        await database.write(deadlocked)
    await database.aclose()


@pytest.mark.parametrize("turns", range(1, 12))
async def test_when_it_is_closed_the_threads_of_cancelled_reads_are_over(tmp_path: Path, turns: int) -> None:
    """Cancelled after so many turns of the loop: while it connects, prepares the connection, or reads."""
    before = set(threading.enumerate())
    database = Database(f"sqlite:///{tmp_path / 'store.db'}")
    reading = asyncio.ensure_future(database.read(one))
    for _ in range(turns):
        await asyncio.sleep(0)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    await database.aclose()
    left = [each for each in threading.enumerate() if each not in before and "asyncio" not in each.name]
    assert left == []


async def test_a_connection_that_is_in_use_is_closed_with_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Left to the garbage collector it would warn at any later time, in a test that has nothing to do with it."""
    made: list[aiosqlite.Connection] = []
    connect = aiosqlite.connect

    def noted(*arguments: Any, **options: Any) -> aiosqlite.Connection:
        made.append(connect(*arguments, **options))
        return made[-1]

    monkeypatch.setattr(aiosqlite, "connect", noted)
    database = Database(f"sqlite:///{tmp_path / 'store.db'}")
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(connection: AsyncConnection) -> int:
        begun.set()
        await go_on.wait()
        return await one(connection)

    reading = asyncio.create_task(database.read(slow))
    await begun.wait()
    await database.aclose()
    with pytest.raises(ValueError, match="no active connection"):
        await made[0].execute("SELECT 1")
    go_on.set()
    with pytest.raises(Unavailable):
        await reading
    assert len(made) == 1


async def written(connection: AsyncConnection, number: int) -> None:
    await connection.execute(text("INSERT INTO written VALUES (:number)"), {"number": number})


@pytest.fixture
def limits() -> DatabaseLimits:
    """Return the limits of `sqlite`. A test overrides them with `parametrize`."""
    return LIMITS


@pytest.fixture
async def sqlite(tmp_path: Path, limits: DatabaseLimits) -> AsyncIterator[Database]:
    """Yield a file with one table."""
    database = Database(f"sqlite:///{tmp_path / 'store.db'}", limits)

    async def prepare(connection: AsyncConnection) -> None:
        await connection.execute(text("CREATE TABLE written (number int)"))

    await database.write(prepare)
    yield database
    await database.aclose()


async def test_writers_are_served_in_the_order_in_which_they_came(sqlite: Database) -> None:
    waiting = [asyncio.create_task(sqlite.write(partial(written, number=number))) for number in range(50)]
    await asyncio.gather(*waiting)

    async def order(connection: AsyncConnection) -> list[int]:
        return list((await connection.execute(text("SELECT number FROM written ORDER BY rowid"))).scalars())

    assert await sqlite.read(order) == list(range(50))


async def test_writers_that_wait_leave_connections_to_readers(sqlite: Database) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(connection: AsyncConnection) -> None:
        begun.set()
        await go_on.wait()

    writers = [asyncio.create_task(sqlite.write(slow)) for _ in range(3 * LIMITS.pool_size)]
    await begun.wait()
    assert await asyncio.gather(*(sqlite.read(one) for _ in range(LIMITS.pool_size - 1))) == [1] * (
        LIMITS.pool_size - 1
    )
    writers[1].cancel()  # whose turn would be next
    go_on.set()
    outcomes = await asyncio.gather(*writers, return_exceptions=True)
    assert [type(each).__name__ for each in outcomes if each is not None] == ["CancelledError"]


@pytest.mark.parametrize("limits", [DatabaseLimits(write_turn_timeout=0.05)], ids=["a short wait"])
async def test_a_writer_that_waits_too_long_gets_the_error_that_the_store_is_busy(sqlite: Database) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(connection: AsyncConnection) -> None:
        begun.set()
        await go_on.wait()

    first = asyncio.create_task(sqlite.write(slow))
    await begun.wait()
    with capture_logs() as logs:
        for _ in range(3):
            with pytest.raises(Unavailable, match="The store is busy"):
                await sqlite.write(slow)
        go_on.set()
        await first
        await sqlite.write(slow)
    assert [line["event"] for line in logs] == ["store busy", "store available again"]


async def test_a_file_that_another_process_writes_to_is_busy(
    sqlite: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def impatient(connection: AsyncConnection) -> None:
        await connection.execute(text("PRAGMA busy_timeout = 10"))

    for _ in range(LIMITS.pool_size):
        await sqlite.read(impatient)
    with closing(sqlite3.connect(tmp_path / "store.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match="The store is busy"):
            await sqlite.write(partial(written, number=1))
        other.execute("ROLLBACK")
    await sqlite.write(partial(written, number=2))
