"""Redis and the database, as the doctor sees them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from service.doctor.check_result import Level
from service.doctor.stores import check_database, check_redis
from service.settings import Settings
from service.store.migrate import migrate
from tests import servers
from tests.unit.service.doctor.results import changed, result_of


async def test_a_redis_that_answers_is_ok(settings: Settings, redis_url: str) -> None:
    assert result_of(await check_redis(changed(settings, redis_url=redis_url)))[0] is Level.OK


async def test_a_redis_that_does_not_answer_fails_without_telling_its_password(settings: Settings) -> None:
    url = f"redis://:hunter2@127.0.0.1:{servers.free_port()}/0"
    level, text = result_of(await check_redis(changed(settings, redis_url=url)))
    assert level is Level.FAIL
    assert "hunter2" not in text


async def test_no_redis_at_all_is_a_warning(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    level, text = result_of(await check_redis(settings))
    assert level is Level.WARN
    assert "redis-server" in text


async def test_a_database_that_is_not_there_yet_is_fine_and_is_not_made(settings: Settings) -> None:
    assert result_of(await check_database(settings))[0] is Level.OK
    assert not (settings.data_dir / "conference.db").exists()


async def test_a_migrated_database_is_ok(settings: Settings) -> None:
    await migrate(settings.database_url)
    level, text = result_of(await check_database(settings))
    assert level is Level.OK
    assert "up to date" in text


async def test_an_empty_database_is_a_warning_that_names_migrate(settings: Settings) -> None:
    (settings.data_dir / "conference.db").touch()
    level, text = result_of(await check_database(settings))
    assert level is Level.WARN
    assert "python -m service migrate" in text


async def test_a_database_that_does_not_answer_fails_without_telling_its_password(settings: Settings) -> None:
    url = f"postgresql://me:hunter2@127.0.0.1:{servers.free_port()}/name"
    level, text = result_of(await check_database(changed(settings, database_url=url)))
    assert level is Level.FAIL
    assert "hunter2" not in text


async def test_a_schema_of_a_newer_version_fails(settings: Settings, migrated_sqlite: str) -> None:
    with closing(sqlite3.connect(migrated_sqlite.removeprefix("sqlite:///"))) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
        database.commit()
    (finding,) = await check_database(changed(settings, database_url=migrated_sqlite))
    assert (finding.level, "9999, of a newer version" in finding.seen) == (Level.FAIL, True)
