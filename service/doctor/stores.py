"""Checks of Redis and the database."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from service.doctor.check_result import ANSWER_TIMEOUT, CheckResult, Level
from service.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy import Connection


async def check_redis(settings: Settings) -> list[CheckResult]:
    from service import redis_child

    if settings.redis_url is None:
        if redis_child.installed():
            return [CheckResult(Level.OK, "redis", "none is set; the service runs a private redis-server")]
        advice = "Install it (sudo apt-get install redis-server) or set CONFERENCE_REDIS_URL"
        return [
            CheckResult(Level.WARN, "redis", "not installed: viewers are counted in memory, by one process", advice)
        ]
    from redis import asyncio as aioredis
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff
    from redis.exceptions import RedisError

    client = aioredis.Redis.from_url(
        settings.redis_url,
        socket_timeout=ANSWER_TIMEOUT,
        socket_connect_timeout=ANSWER_TIMEOUT,
        retry=Retry(NoBackoff(), 0),
    )
    try:
        version = (await client.info("server"))["redis_version"]
    except (RedisError, OSError) as error:
        advice = "Start it, or correct CONFERENCE_REDIS_URL; until then the last known counts are shown"
        return [CheckResult(Level.FAIL, "redis", f"does not answer: {type(error).__name__}", advice)]
    finally:
        await client.aclose()
    return [CheckResult(Level.OK, "redis", f"{version} answers")]


async def check_database(settings: Settings) -> list[CheckResult]:
    from service.domain.errors import Unavailable
    from service.store.database import Database
    from service.store.urls import driver_url

    where = driver_url(settings.database_url)
    kind = where.get_backend_name()
    if kind == "sqlite" and not _is_there(where.database):
        return [CheckResult(Level.OK, "database", f"SQLite, created at {where.database} on the first start")]
    database = Database(settings.database_url)
    try:
        revision, newest = await database.read(lambda connection: connection.run_sync(_revisions))
    except Unavailable:
        return [
            CheckResult(
                Level.FAIL, "database", f"{kind} does not answer", "Start it, or correct CONFERENCE_DATABASE_URL"
            )
        ]
    finally:
        await database.aclose()
    if revision is not None and newest is not None and revision > newest:
        seen = f"{kind} answers, its schema is {revision}, of a newer version of the service (this one: {newest})"
        return [
            CheckResult(Level.FAIL, "database", seen, "Run that version, or restore a backup made before the upgrade")
        ]
    if revision != newest:
        seen = f"{kind} answers, its schema is {revision or 'empty'} instead of {newest}"
        return [CheckResult(Level.WARN, "database", seen, "python -m service migrate (serve does it, too)")]
    return [CheckResult(Level.OK, "database", f"{kind} answers, its schema is up to date ({revision})")]


def _is_there(file: str | None) -> bool:
    return file is not None and Path(file).exists()


def _revisions(connection: Connection) -> tuple[str | None, str | None]:
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    from service import store

    known = ScriptDirectory(str(Path(store.__path__[0]) / "migrations"))
    return MigrationContext.configure(connection).get_current_revision(), known.get_current_head()
