"""Which schema this version needs, and which one a database has. Without alembic, whose import would make every start longer."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from service.domain.errors import Unavailable
from service.store.database import Database

MIGRATIONS = Path(__file__).parent / "migrations"


def newest_revision() -> str:
    """The revision of the last migration; the files are called <revision>_<subject>.py."""
    return max(file.name.partition("_")[0] for file in (MIGRATIONS / "versions").glob("[0-9]*_*.py"))


async def has_newest_schema(database: Database) -> bool:
    """Return whether there is nothing to migrate; False also where it cannot be told."""

    async def query(connection: AsyncConnection) -> str | None:
        found = await connection.execute(text("SELECT version_num FROM alembic_version"))
        return found.scalar_one_or_none()

    try:
        return await database.read(query) == newest_revision()
    except (Unavailable, DBAPIError):
        return False
