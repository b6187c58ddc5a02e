"""Connections: two dialects, short transactions, bounded waits, and one place that turns a lost database into `Unavailable`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import structlog
from sqlalchemy import URL, Connection
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from service.domain.errors import Unavailable
from service.store.sqlite import WRITES, Workers, sqlite_engine
from service.store.urls import driver_url

log = structlog.get_logger(__name__)

POOL_SIZE = 10
"""Connections of one process; further callers wait at most POOL_TIMEOUT."""

POOL_TIMEOUT = 5.0
"""Seconds a caller waits for a connection before the store counts as away."""

POOL = {"pool_size": POOL_SIZE, "max_overflow": 0, "pool_timeout": POOL_TIMEOUT, "hide_parameters": True}
"""Of both databases. Parameters are hidden: stream keys are among them, and exceptions are logged."""

RETRY_AFTER = 2.0
"""Seconds after which a client may ask again when the store is away."""

READ_ATTEMPTS = 2
"""A read that lost its connection is asked once more, on a new one. A write never is: it may have happened."""

T = TypeVar("T")


class Database:
    """A pool of connections. `read` and `write` are the only ways in."""

    def __init__(self, url: str) -> None:
        where = driver_url(url)
        self.dialect = where.get_backend_name()
        self._away = False
        self._workers = Workers()
        self._absences: tuple[type[Exception], ...] = (PoolTimeout, OSError, TimeoutError)
        self._engine = self._sqlite_engine(where) if self.dialect == "sqlite" else self._postgresql_engine(where)

    async def read(self, query: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Run `query` in a read transaction, again when the connection turns out to be dead. Errors: Unavailable."""
        for attempt in range(READ_ATTEMPTS):
            try:
                async with self._translated(), self._engine.connect() as connection:
                    return await query(connection)
            except Unavailable:
                if attempt + 1 == READ_ATTEMPTS:
                    raise
        raise AssertionError("unreachable")

    async def write(self, change: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Run `change` in one transaction: all of it or nothing. Errors: Unavailable, sqlalchemy's IntegrityError."""
        async with self._translated(), self._engine.connect() as connection:
            await connection.execution_options(**{WRITES: True})
            async with connection.begin():
                return await change(connection)

    async def run_sync(self, work: Callable[[Connection], None]) -> None:
        """Run a synchronous `work`, such as a migration, in one transaction. Errors: Unavailable."""
        await self.write(lambda connection: connection.run_sync(work))

    async def aclose(self) -> None:
        """Close every connection; safe to call twice."""
        await self._engine.dispose()
        await self._workers.ended()

    def _sqlite_engine(self, where: URL) -> AsyncEngine:
        try:
            return sqlite_engine(where, self._workers, **POOL)
        except OSError as refused:
            log.warning("store cannot be made", reason=type(refused).__name__)
            raise _unavailable() from refused

    def _postgresql_engine(self, where: URL) -> AsyncEngine:
        from service.store import postgresql

        self._absences += postgresql.ERRORS
        return postgresql.postgresql_engine(where, **POOL)

    @asynccontextmanager
    async def _translated(self) -> AsyncIterator[None]:
        try:
            yield
        except IntegrityError:
            raise
        except self._absences as lost:
            raise self._lost(lost) from lost
        except DBAPIError as failed:
            if _sqlstate(failed) == READ_ONLY:
                await self._engine.dispose()  # after a failover these connections lead to who was the primary
            if _is_lost(failed):
                raise self._lost(failed) from failed
            raise
        if self._away:
            self._away = False
            log.info("store is back")

    def _lost(self, cause: BaseException) -> Unavailable:
        """Said once, not to everybody who asks meanwhile: they may be thousands."""
        if not self._away:
            self._away = True
            orig = getattr(cause, "orig", None) or cause  # SQLAlchemy's driver error, which wraps asyncpg's own
            log.warning("store is away", reason=type(orig.__cause__ or orig).__name__)
        return _unavailable()


def _unavailable() -> Unavailable:
    return Unavailable("The store is not available.", retry_after=RETRY_AFTER)


READ_ONLY = "25006"
"""What a standby says to a write."""

_LOST_SQLSTATES = ("08", "28", "3D", "40", "53", "57", READ_ONLY)
"""PostgreSQL's errors, and classes of them, that say the server or the moment, not the statement, is the trouble (its appendix A).
Of class 40, a deadlock for one, nothing was done: it may be tried again."""

_LOST_SQLITE = (
    "locked",
    "busy",
    "unable to open",
    "disk i/o error",
    "readonly",
    "database or disk is full",
    "not a database",
    "malformed",
    "no active",
)


def _sqlstate(error: DBAPIError) -> str | None:
    """PostgreSQL's five characters; None where there are none (SQLite)."""
    state = getattr(error.orig, "sqlstate", None)
    return state if isinstance(state, str) else None


def _is_lost(error: DBAPIError) -> bool:
    if error.connection_invalidated:
        return True
    if (state := _sqlstate(error)) is not None:
        return state.startswith(_LOST_SQLSTATES)
    message = str(error.orig).lower()
    return "connection is closed" in message or any(sign in message for sign in _LOST_SQLITE)
