"""The schema that this version needs, and that of a database. Without alembic, whose import would slow down each start."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from service.domain.errors import Unavailable
from service.store.database import Database

MIGRATIONS = Path(__file__).parent / "migrations"


def newest_revision() -> str:
    """Return the revision of the last migration. Files are named <revision>_<subject>.py."""
    return max(file.name.partition("_")[0] for file in (MIGRATIONS / "versions").glob("[0-9]*_*.py"))


async def has_newest_schema(database: Database) -> bool:
    """Return whether there is nothing to migrate; False also if it is unknown."""

    async def query(connection: AsyncConnection) -> str | None:
        found = await connection.execute(text("SELECT version_num FROM alembic_version"))
        return found.scalar_one_or_none()

    try:
        return await database.read(query) == newest_revision()
    except (Unavailable, DBAPIError):
        return False
