"""Brings a database up to date. Safe to run from several processes at once: PostgreSQL's are serialised by an advisory lock."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

from service.store.database import Database

MIGRATION_LOCK = 7_091_935
"""Any number, as long as everybody takes the same one."""


async def migrate(url: str) -> None:
    """Upgrade the database at `url` to the newest schema; nothing to do when it is. Errors: domain.errors.Unavailable."""
    database = Database(url)
    try:
        await database.run_sync(_upgrade)
    finally:
        await database.aclose()


def _upgrade(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
