"""The quick look at the schema agrees with alembic."""

from __future__ import annotations

from pathlib import Path

from service.store.database import Database
from service.store.migrate import known_revisions
from service.store.schema import has_newest_schema, newest_revision


def test_the_newest_revision_is_the_last_of_alembics() -> None:
    assert newest_revision() == known_revisions()[0]


async def test_a_migrated_database_has_it_and_an_empty_one_has_not(migrated_sqlite: str, tmp_path: Path) -> None:
    for url, expected in ((migrated_sqlite, True), (f"sqlite:///{tmp_path / 'empty.db'}", False)):
        database = Database(url)
        assert await has_newest_schema(database) is expected
        await database.aclose()


async def test_of_a_database_that_does_not_answer_nothing_is_assumed() -> None:
    database = Database("postgresql://user@127.0.0.1:1/none")
    assert not await has_newest_schema(database)
    await database.aclose()
