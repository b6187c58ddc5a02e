"""A service that was prepared starts without preparing again; whatever changed is noticed."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from service.prepare import is_prepared, prepare
from service.settings import ProviderName, Settings
from service.store.database import Database


@pytest.fixture
async def settings(tmp_path: Path) -> Settings:
    """Of a service that was prepared."""
    given = Settings(data_dir=tmp_path / "data")
    await prepare(given)
    return given


async def prepared(settings: Settings) -> bool:
    database = Database(settings.database_url)
    try:
        return await is_prepared(settings, database)
    finally:
        await database.aclose()


async def test_it_is_prepared_once(settings: Settings) -> None:
    assert await prepared(settings)


async def test_a_new_directory_is_not(tmp_path: Path) -> None:
    assert not await prepared(Settings(data_dir=tmp_path / "new"))


@pytest.mark.parametrize(
    "change", ["another name", "a damaged key", "a certificate due for renewal", "a new version", "an older schema"]
)
async def test_what_changed_since_is_noticed(settings: Settings, change: str) -> None:
    note = settings.tls_dir / "prepared.json"

    def write(**changes: str) -> None:
        note.write_text(json.dumps(json.loads(note.read_text()) | changes))

    if change == "another name":
        settings = settings.model_copy(update={"public_rtmp_host": "live.example.com"})
    elif change == "a damaged key":
        (settings.tls_dir / "server.key").write_text("damaged")
    elif change == "a certificate due for renewal":
        write(renew_from=(datetime.now(UTC) - timedelta(seconds=1)).isoformat())
    elif change == "a new version":
        write(version="0.0")
    else:
        with closing(sqlite3.connect(settings.data_dir / "conference.db")) as database, database:
            database.execute("UPDATE alembic_version SET version_num = '0001'")
    assert not await prepared(settings)


async def test_without_a_local_certificate_the_schema_is_all_that_counts(settings: Settings) -> None:
    for file in settings.tls_dir.iterdir():
        file.unlink()
    assert not await prepared(settings)
    assert await prepared(settings.model_copy(update={"provider": ProviderName.CLOUDFLARE}))
