"""The servers tests stand on."""

from __future__ import annotations

import asyncpg
import pytest
from redis import asyncio as aioredis

from tests.servers import PORT_SLICES, PostgresServer, RedisServer, free_port


async def test_every_test_gets_an_empty_database(postgres_url: str) -> None:
    connection = await asyncpg.connect(postgres_url)
    try:
        assert await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
    finally:
        await connection.close()


async def test_a_cleared_database_has_its_schema_no_rows_and_no_other_session(
    postgres_server: PostgresServer, migrated_postgresql: str
) -> None:
    left_behind = await asyncpg.connect(migrated_postgresql)
    await left_behind.execute("INSERT INTO organizations VALUES (gen_random_uuid(), 'Acme', now())")
    postgres_server.clear(migrated_postgresql)
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
        await left_behind.fetchval("SELECT 1")
    connection = await asyncpg.connect(migrated_postgresql)
    try:
        assert await connection.fetchval("SELECT count(*) FROM organizations") == 0
        assert await connection.fetchval("SELECT count(*) FROM alembic_version") == 1
    finally:
        await connection.close()


async def test_postgresql_comes_back_with_its_data_on_the_same_port(
    postgres_server: PostgresServer, postgres_url: str
) -> None:
    connection = await asyncpg.connect(postgres_url)
    await connection.execute("CREATE TABLE kept (id int)")
    await connection.close()
    postgres_server.stop()
    postgres_server.start()
    connection = await asyncpg.connect(postgres_url)
    try:
        assert await connection.fetchval("SELECT count(*) FROM kept") == 0
    finally:
        await connection.close()


async def test_redis_is_empty_after_a_stop_and_start(redis_server: RedisServer, redis_url: str) -> None:
    async with aioredis.Redis.from_url(redis_url) as client:
        await client.set("a", 1)
    redis_server.stop()
    redis_server.start()
    async with aioredis.Redis.from_url(redis_url) as client:
        assert await client.get("a") is None


def test_processes_beside_each_other_are_never_offered_the_same_port(monkeypatch: pytest.MonkeyPatch) -> None:
    for worker in range(PORT_SLICES):
        monkeypatch.setenv("PYTEST_XDIST_WORKER", f"gw{worker}")
        assert {free_port() % PORT_SLICES for _ in range(20)} == {worker}


def test_no_port_is_offered_twice() -> None:
    ports = [free_port() for _ in range(100)]
    assert len(set(ports)) == len(ports)
