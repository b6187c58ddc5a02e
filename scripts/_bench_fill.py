"""What `bench-lists` lists: one large organization, written straight into the tables as a restored backup would be."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID, uuid4

import asyncpg
from sqlalchemy import Table, make_url
from sqlalchemy.dialects import sqlite

from providers.base import InputOptions, InputRequest
from providers.memory import MemoryProvider
from service.domain.access.accounts import token_digest
from service.store import sessions, tables
from service.store.conversation_tables import members, messages
from service.store.presence import call_presences

BATCH = 20_000
START = datetime(2026, 1, 1, tzinfo=UTC)
BODY = '{"version":3,"chunks":[{"type":"text","text":"%s"}]}' % ("Lorem ipsum dolor sit amet. " * 4)
DIRECT_ONE_IN, PRIVATE_ONE_IN = 20, 20
"""Of the channels: so many are direct, as many private, and the user is in all of the former and half of the latter."""
PARTICIPANTS = 5
CALLS_ONE_IN = 25
"""Of the channels: so many have a call going on, each with that many participants."""

ELSEWHERE = [uuid4() for _ in range(50)]
"""Other organizations with as many participants in calls."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Size:
    """How much there is. `busiest`: what one channel has of the messages, besides every user as a member."""

    channels: int
    messages: int
    users: int
    sessions: int
    recordings: int

    @property
    def busiest(self) -> int:
        return self.messages // 5


@dataclass
class World:
    """The organization; its first user is the API user, its last channel the busiest one."""

    size: Size
    token: str = "bench-lists"
    organization: UUID = field(default_factory=uuid4)
    users: list[UUID] = field(default_factory=list)
    channels: list[Row] = field(default_factory=list)

    @property
    def user(self) -> UUID:
        return self.users[0]

    @property
    def busiest(self) -> UUID:
        return UUID(str(self.channels[-1]["id"]))


async def fill(url: str, size: Size, provider: MemoryProvider) -> World:
    """Fill the migrated, empty database at `url` with the organization, and the provider with its live inputs."""
    world = World(size)
    world.users = [uuid4() for _ in range(size.users)]
    world.channels = [_channel(world, number) for number in range(size.channels)]
    await _insert(url, tables.organizations, [{"id": world.organization, "name": "Acme", "created_at": START}])
    await _insert(url, tables.users, _users(world))
    await _insert(url, tables.tokens, [_token(world)])
    await _insert(url, messages, _messages(world))
    await _insert(url, tables.channels, world.channels)
    await _insert(url, members, _members(world))
    await _insert(
        url, tables.live_inputs, [await _live_input(provider, each) for each in world.channels if each["type"] != 1]
    )
    await _insert(url, sessions.stream_sessions, _sessions(world))
    await _insert(url, call_presences, _presences(world))
    await _analyze(url)
    return world


def _channel(world: World, number: int) -> Row:
    kind = 1 if number % DIRECT_ONE_IN == 0 else 4 if number % PRIVATE_ONE_IN == 1 else 2
    kind = 2 if number == world.size.channels - 1 else kind
    at = START + timedelta(seconds=number)
    return {
        "id": uuid4(), "organization_id": world.organization, "creator_id": None, "name": f"Channel {number}",
        "name_folded": f"channel {number}", "description": "", "avatar_url": None, "is_private": kind != 2,
        "type": kind, "created_at": at, "updated_at": at, "latest_message_created_at": at, "latest_message_id": None,
        "is_default_channel": False, "is_village": False, "member_count": 2,
        "direct_key": str(number) if kind == 1 else None, "deleted_at": None,
    }  # fmt: skip


def _users(world: World) -> Iterator[Row]:
    for number, user in enumerate(world.users):
        yield {
            "id": user, "organization_id": world.organization, "first_name": "Person", "last_name": str(number),
            "full_name": f"Person {number}", "is_staff": False, "is_bot": False, "is_online_enabled": True,
            "created_at": START, "updated_at": START,
        }  # fmt: skip


def _token(world: World) -> Row:
    return {
        "id": uuid4(), "digest": token_digest(world.token), "organization_id": world.organization,
        "user_id": world.user, "name": "bench", "created_at": START,
    }  # fmt: skip


def _messages(world: World) -> Iterator[Row]:
    """Return the messages, in order within each channel; the last one is the channel's latest."""
    for number in range(world.size.messages):
        busy = number % 5 == 0
        channel = world.channels[-1] if busy else world.channels[number * 7 % len(world.channels)]
        at = START + timedelta(days=1, milliseconds=number)
        channel |= {"latest_message_id": (message_id := uuid4()), "latest_message_created_at": at}
        yield {
            "id": message_id, "channel_id": channel["id"], "organization_id": world.organization,
            "author_id": world.users[number % world.size.users], "type": "user", "body": BODY, "is_edited": False,
            "notify_channel": False, "digest": "", "created_at": at, "updated_at": at,
        }  # fmt: skip


def _members(world: World) -> Iterator[Row]:
    for number, channel in enumerate(world.channels):
        people = {world.users[1 + number % (world.size.users - 1)]}
        if channel["type"] != 4 or number % (2 * PRIVATE_ONE_IN) == 1:
            people.add(world.user)
        for place, user in enumerate(world.users if channel is world.channels[-1] else people):
            at = channel["created_at"] + timedelta(microseconds=place)
            yield {
                "id": uuid4(), "channel_id": channel["id"], "user_id": user, "organization_id": world.organization,
                "is_admin": False, "last_seen_at": None, "seen_until": at, "unread_message_count": 7,
                "unread_mention_count": 1, "created_at": at, "updated_at": at, "settings_id": uuid4(),
                "mode": "unmuted", "settings_updated_at": at, "is_direct": channel["type"] == 1,
                "is_private": channel["type"] == 4, "channel_created_at": channel["created_at"],
                "channel_latest_at": channel["latest_message_created_at"],
            }  # fmt: skip


async def _live_input(provider: MemoryProvider, channel: Row) -> Row:
    request_id = uuid4().hex
    made = await provider.ensure_input(InputRequest(request_id, str(channel["id"]), channel["name"], InputOptions()))
    return {
        "channel_id": channel["id"], "organization_id": channel["organization_id"], "provider": provider.name,
        "request_id": request_id, "generation": 1, "uid": made.uid, "slate_image_url": None,
        "reconnect_timeout": made.options.reconnect_timeout, "latency_mode": made.options.latency_mode.value,
        "created_at": channel["created_at"], "channel_name_folded": channel["name_folded"],
    }  # fmt: skip


def _sessions(world: World) -> Iterator[Row]:
    for number in range(world.size.sessions):
        at = START + timedelta(hours=number)
        yield {
            "id": uuid4(), "organization_id": world.organization, "channel_id": world.busiest, "by_encoder": True,
            "started_at": at, "stopped_at": at + timedelta(minutes=50), "peak_viewers": 9, "unique_viewers": 99,
        }  # fmt: skip


def _presences(world: World) -> Iterator[Row]:
    """Return the presences, including those of other calls, which queries have to skip."""
    until = datetime.now(UTC) + timedelta(hours=2)
    for organization in ELSEWHERE:
        for _ in range(world.size.channels // CALLS_ONE_IN * PARTICIPANTS):
            yield {
                "channel_id": uuid4(), "participant": "person", "organization_id": organization,
                "noted_at": START, "leaves_at": until,
            }  # fmt: skip
    for channel in world.channels[::CALLS_ONE_IN]:
        for user in world.users[:PARTICIPANTS]:
            yield {
                "channel_id": channel["id"], "participant": str(user), "organization_id": world.organization,
                "noted_at": START, "leaves_at": until,
            }  # fmt: skip


async def _insert(url: str, table: Table, rows: Iterable[Row]) -> None:
    """Insert rows in bulk, without foreign key checks: a million rows in seconds."""
    if make_url(url).get_backend_name() == "sqlite":
        _insert_sqlite(str(make_url(url).database), table, rows)
        return
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("SET session_replication_role = replica")
        for batch in _batches(rows):
            records = [tuple(row.values()) for row in batch]
            await connection.copy_records_to_table(table.name, columns=list(batch[0]), records=records)
    finally:
        await connection.close()


async def _analyze(url: str) -> None:
    """Update the statistics, outside the store's connections: their statement timeout is too short."""
    if make_url(url).get_backend_name() == "sqlite":
        with closing(sqlite3.connect(str(make_url(url).database))) as file:
            file.execute("ANALYZE")
        return
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("ANALYZE")
    finally:
        await connection.close()


def _insert_sqlite(path: str, table: Table, rows: Iterable[Row]) -> None:
    dialect = sqlite.dialect()
    with closing(sqlite3.connect(path)) as connection, connection:
        for pragma in ("synchronous = OFF", "cache_size = -400000", "temp_store = MEMORY"):
            connection.execute(f"PRAGMA {pragma}")
        made_by = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL"
        indexes = connection.execute(made_by, (table.name,)).fetchall()
        for name, _ in indexes:
            connection.execute(f"DROP INDEX {name}")
        for batch in _batches(rows):
            names = list(batch[0])
            write = [table.c[name].type.dialect_impl(dialect).bind_processor(dialect) or _as_it_is for name in names]
            into = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"  # noqa: S608
            connection.executemany(
                into, ([each(row[name]) for each, name in zip(write, row, strict=True)] for row in batch)
            )
        for _, made in indexes:  # one sort each, in place of a search for every row
            connection.execute(made)


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    waiting = iter(rows)
    while batch := list(islice(waiting, BATCH)):
        yield batch


def _as_it_is(value: Any) -> Any:
    return value
