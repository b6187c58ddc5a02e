"""The schema: what the migrations make is what the tables say, and older data comes along."""

# ruff: noqa: S608 - the values are ours, and older than any table we could name

from __future__ import annotations

from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from service.store import migrate as migrating
from service.store.conversation_tables import members
from service.store.database import Database
from service.store.migrate import migrate

ORGANIZATION, ADA, CHANNEL, OWNERLESS = (f"{number:032x}" for number in range(1, 5))
AT = "2026-01-02 03:04:05.678901"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.db'}"
    return str(request.getfixturevalue("postgres_url"))


def to_revision(connection: Connection, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrating.__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    move = command.downgrade if revision == "0001" and _revision(connection) == "0002" else command.upgrade
    move(config, revision)


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def fill(connection: Connection) -> None:
    """An organization as the first schema had it: a channel with a maker, and one without."""
    run = connection.execute
    run(text(f"INSERT INTO organizations VALUES ('{ORGANIZATION}', 'Acme', '{AT}')"))
    run(
        text(
            "INSERT INTO users (id, organization_id, first_name, last_name, full_name, is_staff, is_bot, "
            "is_online_enabled, created_at, updated_at) "
            f"VALUES ('{ADA}', '{ORGANIZATION}', 'Ada', '', 'Ada', false, false, true, '{AT}', '{AT}')"
        )
    )
    for channel, creator in ((CHANNEL, f"'{ADA}'"), (OWNERLESS, "NULL")):
        run(
            text(
                "INSERT INTO channels (id, organization_id, creator_id, name, name_folded, description, is_private, "
                f"type, created_at, updated_at, latest_message_created_at) VALUES ('{channel}', '{ORGANIZATION}', "
                f"{creator}, 'News', 'news', '', false, 2, '{AT}', '{AT}', '{AT}')"
            )
        )

    run(
        text(
            "INSERT INTO live_inputs (channel_id, organization_id, provider, request_id, generation, uid, "
            "reconnect_timeout, latency_mode, created_at) "
            f"VALUES ('{CHANNEL}', '{ORGANIZATION}', 'local', 'r', 1, 'u', 30, 'low', '{AT}')"
        )
    )


async def test_the_migrations_make_the_tables(url: str) -> None:
    await migrate(url)
    database = Database(url)
    differences: list[object] = []

    def compare(connection: Connection) -> None:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences.extend(compare_metadata(context, members.metadata))

    await database.run_sync(compare)
    await database.aclose()
    assert differences == []


async def test_who_made_a_channel_becomes_its_admin_and_the_way_back_is_open(url: str) -> None:
    database = Database(url)
    found: list[tuple[object, ...]] = []

    def work(connection: Connection) -> None:
        to_revision(connection, "0001")
        fill(connection)
        to_revision(connection, "0002")
        wanted = "SELECT m.is_admin, c.member_count FROM members m JOIN channels c ON c.id = m.channel_id"
        found.extend(tuple(row) for row in connection.execute(text(wanted)))
        to_revision(connection, "0001")
        found.append(
            (
                connection.execute(
                    text("SELECT count(*) FROM channels JOIN live_inputs ON channel_id = id")
                ).scalar_one(),
            )
        )

    await database.run_sync(work)
    await database.aclose()
    assert [tuple(map(int, row)) for row in found] == [(1, 1), (1,)]  # type: ignore[call-overload]
