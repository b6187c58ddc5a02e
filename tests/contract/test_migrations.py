"""The schema: what the migrations make is what the tables say, and older data comes along."""

# ruff: noqa: S608 - the values are ours, and older than any table we could name

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from service.domain.conversation.channel_pages import ORDERINGS
from service.domain.entities import MessageType, NewMessage
from service.domain.paging import PageRequest
from service.store import Store
from service.store import migrate as migrating
from service.store.conversation_tables import members
from service.store.database import Database
from service.store.migrate import migrate
from tests.clock import Clock

ORGANIZATION, ADA, CHANNEL, OWNERLESS, PRIVATE = (f"{number:032x}" for number in range(1, 6))
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
    before = MigrationContext.configure(connection).get_current_revision() or ""
    move = command.downgrade if revision < before else command.upgrade
    move(config, revision)


def fill(connection: Connection) -> None:
    """Insert an organization as the first schema had it: a channel with a maker, one without, and a private one."""
    run = connection.execute
    run(text(f"INSERT INTO organizations VALUES ('{ORGANIZATION}', 'Acme', '{AT}')"))
    run(
        text(
            "INSERT INTO users (id, organization_id, first_name, last_name, full_name, is_staff, is_bot, "
            "is_online_enabled, created_at, updated_at) "
            f"VALUES ('{ADA}', '{ORGANIZATION}', 'Ada', '', 'Ada', false, false, true, '{AT}', '{AT}')"
        )
    )
    for channel, creator, is_private in (
        (CHANNEL, f"'{ADA}'", "false"),
        (OWNERLESS, "NULL", "false"),
        (PRIVATE, f"'{ADA}'", "true"),
    ):
        run(
            text(
                "INSERT INTO channels (id, organization_id, creator_id, name, name_folded, description, is_private, "
                f"type, created_at, updated_at, latest_message_created_at) VALUES ('{channel}', '{ORGANIZATION}', "
                f"{creator}, 'News', 'news', '', {is_private}, 2, '{AT}', '{AT}', '{AT}')"
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


async def test_the_creator_of_a_channel_becomes_its_admin_and_the_downgrade_works(url: str) -> None:
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
    assert [tuple(map(int, row)) for row in found] == [(1, 1), (1, 1), (1,)]  # type: ignore[call-overload]


@pytest.fixture
async def upgraded(url: str) -> AsyncIterator[Store]:
    """Yield a store over the first schema's rows, upgraded by way of every revision, one of them twice."""
    database = Database(url)

    def work(connection: Connection) -> None:
        to_revision(connection, "0001")
        fill(connection)
        for revision in ("0002", "0003", "0004", "0005", "0006", "0005"):
            to_revision(connection, revision)

    await database.run_sync(work)
    await database.aclose()
    await migrate(url)
    store = Store(url)
    yield store
    await store.aclose()


async def test_what_the_first_schema_held_is_listed_by_the_newest(upgraded: Store) -> None:
    organization, ada = UUID(ORGANIZATION), UUID(ADA)
    public, private = {UUID(CHANNEL), UUID(OWNERLESS)}, {UUID(PRIVATE)}
    for ordering in ORDERINGS:
        for user, seen in ((ada, public | private), (None, public)):
            found = await upgraded.channels.channels(organization, ordering, PageRequest(9), user)
            assert {each.id for each in found} == seen
            assert {each.created_at for each in found} == {datetime.fromisoformat(AT).replace(tzinfo=UTC)}
        joined = await upgraded.members.joined(ada, ordering, PageRequest(9), direct=False)
        assert {each.channel.id for each in joined} == {UUID(CHANNEL), UUID(PRIVATE)}
    for search in ("", "NEW"):
        found = await upgraded.claims.owned_streams(organization, search, PageRequest(9), ada)
        assert [each.uid for each in found] == ["u"]


async def test_people_of_the_first_schema_speak_and_read_in_the_newest(upgraded: Store) -> None:
    organization, ada, channel = UUID(ORGANIZATION), UUID(ADA), UUID(CHANNEL)
    new = NewMessage(uuid4(), channel, organization, ada, MessageType.USER, {"version": 3}, "", (), True)
    assert await upgraded.messages.post(new, Clock(datetime(2026, 11, 1, tzinfo=UTC))) is not None
    member = await upgraded.members.member(channel, ada)
    assert member is not None and (member.is_admin, member.unread_message_count) == (True, 0)
    entry = await upgraded.channels.entry(organization, channel, ada)
    assert entry is not None and entry.channel.latest_message is not None
    assert (entry.channel.latest_message.id, entry.channel.member_count) == (new.id, 1)
