"""Migrates a database. Several processes may do it at once: on PostgreSQL, an advisory lock serializes them."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from service.domain.errors import DomainError
from service.store.database import Database
from service.store.schema import MIGRATIONS

MIGRATION_LOCK = 7_091_935
"""The key of the advisory lock. Any number will do, but it must never change."""


class SchemaTooNew(DomainError):
    """A newer version of the service has migrated the database; this version cannot read it."""

    def __init__(self, revision: str) -> None:
        super().__init__(
            f"The database has the schema {revision} of a newer version of the service: run that version, "
            "or restore a backup that was made before the upgrade."
        )


async def migrate(url: str) -> None:
    """Upgrade the database at `url` to the newest schema.

    Raises:
        Unavailable: The database does not answer.
        SchemaTooNew: A newer version of the service has migrated it.
    """
    database = Database(url)
    try:
        await database.run_sync(_upgrade)
    finally:
        await database.aclose()


async def is_current(url: str) -> bool:
    """Return whether the database has the newest schema. Raise Unavailable or SchemaTooNew."""
    database = Database(url)
    try:
        return await database.read(lambda connection: connection.run_sync(_is_current))
    finally:
        await database.aclose()


def known_revisions() -> list[str]:
    """Return the schema revisions that this version knows, newest first."""
    return [script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()]


def _is_current(connection: Connection) -> bool:
    revision, known = MigrationContext.configure(connection).get_current_revision(), known_revisions()
    if revision is not None and revision not in known:
        raise SchemaTooNew(revision)
    return revision == known[0]


def _upgrade(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
    if _is_current(connection):
        return
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
