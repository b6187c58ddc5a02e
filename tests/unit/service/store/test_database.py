"""A database that is away: everybody who asks is told, the log once."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection
from structlog.testing import capture_logs

from service.domain.errors import Unavailable
from service.store.database import Database


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
