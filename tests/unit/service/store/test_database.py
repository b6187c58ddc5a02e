"""A database that is away: everybody who asks is told, the log once."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection
from structlog.testing import capture_logs

from service.domain.errors import Unavailable
from service.store.database import Database
from tests.servers import PostgresServer


async def one(connection: AsyncConnection) -> int:
    return int((await connection.execute(select(1))).scalar_one())


async def test_that_it_is_away_is_logged_once_and_so_is_its_return(tmp_path: Path) -> None:
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
    assert [line["event"] for line in logs] == ["store is away", "store is back"]


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
