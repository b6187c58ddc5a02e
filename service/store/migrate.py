"""Brings a database up to date. Safe to run from several processes at once: PostgreSQL's are serialised by an advisory lock."""

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
"""The key of the advisory lock; any number, as long as it is always the same."""


class SchemaTooNew(DomainError):
    """A newer version of the service has migrated the database; this version cannot read it."""

    def __init__(self, revision: str) -> None:
        super().__init__(
            f"The database has the schema {revision} of a newer version of the service: run that version, "
            "or restore a backup that was made before the upgrade."
        )


async def migrate(url: str) -> None:
    """Upgrade the database at `url` to the newest schema; nothing to do when it is. Errors: Unavailable, SchemaTooNew."""
    database = Database(url)
    try:
        await database.run_sync(_upgrade)
    finally:
        await database.aclose()


async def is_current(url: str) -> bool:
    """Return whether the database has the newest schema. Errors: Unavailable, SchemaTooNew."""
    database = Database(url)
    try:
        return await database.read(lambda connection: connection.run_sync(_is_current))
    finally:
        await database.aclose()


def known_revisions() -> list[str]:
    """The schemas this version knows, newest first."""
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
