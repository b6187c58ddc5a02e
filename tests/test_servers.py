"""The servers tests stand on."""

from __future__ import annotations

import asyncpg
from redis import asyncio as aioredis

from tests.servers import PostgresServer, RedisServer


async def test_every_test_gets_an_empty_database(postgres_url: str) -> None:
    connection = await asyncpg.connect(postgres_url)
    try:
        assert await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
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
