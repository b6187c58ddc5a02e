"""Connections: two dialects, short transactions, bounded waits, and one place that maps a lost database to `Unavailable`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog
from sqlalchemy import URL, Connection
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from service.domain.errors import Unavailable
from service.store.sqlite import WRITES, Workers, sqlite_engine
from service.store.urls import driver_url

log = structlog.get_logger(__name__)

RETRY_AFTER = 2.0
"""Seconds after which a client may ask again when the store is unavailable or busy."""

UNAVAILABLE = "The store is not available."
BUSY = "The store is busy: too many requests wait for it. Try again in a moment."

READ_ATTEMPTS = 2
"""A read that lost its connection is repeated once, on a new one. A write is not: it may have been committed."""

T = TypeVar("T")

_in_transaction: ContextVar[bool] = ContextVar("in_transaction", default=False)


@dataclass(frozen=True, slots=True)
class DatabaseLimits:
    """Counts, and times in seconds."""

    pool_size: int = 10
    """Connections of one process. Further requests wait for `pool_timeout` at most."""
    pool_timeout: float = 5.0
    """Time a request waits for a connection before the store counts as busy."""
    write_turn_timeout: float = 10.0
    """Time a write to SQLite waits for earlier writes before the store counts as busy."""

    def pool(self) -> dict[str, Any]:
        """Return the pool options of both databases. Parameters are hidden: they include stream keys, and errors are logged."""
        size, wait = self.pool_size, self.pool_timeout
        return {"pool_size": size, "max_overflow": 0, "pool_timeout": wait, "hide_parameters": True}


class Database:
    """A pool of connections, used through `read` and `write` only."""

    def __init__(self, url: str, limits: DatabaseLimits | None = None) -> None:
        self._limits = limits or DatabaseLimits()
        where = driver_url(url)
        self.dialect = where.get_backend_name()
        self._outage: str | None = None
        self._turns = asyncio.Lock()
        self._workers = Workers()
        self._closed = False
        self._absences: tuple[type[Exception], ...] = (PoolTimeout, OSError, TimeoutError)
        self._engine = self._sqlite_engine(where) if self.dialect == "sqlite" else self._postgresql_engine(where)

    async def read(self, query: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Run `query` in a read transaction, and again if its connection was dead.

        Raises:
            Unavailable: The database does not answer, or is busy.
        """
        for attempt in range(READ_ATTEMPTS):
            try:
                async with self._translated(), self._engine.connect() as connection:
                    return await query(connection)
            except Unavailable as failed:
                if failed.detail == BUSY or attempt + 1 == READ_ATTEMPTS:
                    raise
        raise AssertionError("unreachable")

    async def write(self, change: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Run `change` in one transaction.

        Raises:
            Unavailable: The database does not answer, or is busy.
            sqlalchemy.exc.IntegrityError: A constraint is violated.
        """
        async with self.transaction() as connection:
            return await change(connection)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """Begin a transaction that writes. It is committed at the end of the block, or rolled back after an exception.

        Raises:
            Unavailable: The database does not answer, or is busy.
            RuntimeError: This task has a transaction open, which would wait for itself on SQLite.
        """
        if _in_transaction.get():
            raise RuntimeError("a transaction is open: use its stores")
        async with self._translated(), self._turn(), self._engine.connect() as connection:
            # Before `begin`, whose event on SQLite reads it.
            await connection.execution_options(**{WRITES: True})
            token = _in_transaction.set(True)
            try:
                async with connection.begin():
                    yield connection
            finally:
                _in_transaction.reset(token)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """Begin a transaction that reads. Unlike `read` it repeats nothing. Raise Unavailable."""
        async with self._translated(), self._engine.connect() as connection:
            yield connection

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Wait for earlier writes to SQLite, which has one writer at a time and serves waiting ones in no order.

        Writers wait without a connection of the pool, so that reads continue. Raise Unavailable after `write_turn_timeout`.
        """
        if self.dialect != "sqlite":
            yield
            return
        try:
            async with asyncio.timeout(self._limits.write_turn_timeout):
                await self._turns.acquire()  # first in, first out
        except TimeoutError as late:
            raise self._lost(late, BUSY) from late
        try:
            yield
        finally:
            self._turns.release()

    async def run_sync(self, work: Callable[[Connection], None]) -> None:
        """Run synchronous work, such as a migration, in one transaction. Raise Unavailable if the database does not answer."""
        await self.write(lambda connection: connection.run_sync(work))

    async def aclose(self) -> None:
        """Close all connections, also those in use. Later calls raise Unavailable. Safe to call twice."""
        self._closed = True
        await self._engine.dispose()
        await self._workers.end()

    def _sqlite_engine(self, where: URL) -> AsyncEngine:
        try:
            return sqlite_engine(where, self._workers, **self._limits.pool())
        except OSError as refused:
            log.warning("store not created", reason=type(refused).__name__)
            raise _unavailable() from refused

    def _postgresql_engine(self, where: URL) -> AsyncEngine:
        from service.store import postgresql

        self._absences += postgresql.ERRORS
        return postgresql.postgresql_engine(where, **self._limits.pool())

    @asynccontextmanager
    async def _translated(self) -> AsyncIterator[None]:
        if self._closed:
            raise _unavailable()  # a connection that is opened now would not be closed
        try:
            yield
        # A DBAPIError, too, but an answer and no outage: the stores decide by it.
        except IntegrityError:
            raise
        except PoolTimeout as crowded:
            raise self._lost(crowded, BUSY) from crowded
        except self._absences as lost:
            raise self._lost(lost, UNAVAILABLE) from lost
        except DBAPIError as failed:
            if _sqlstate(failed) == READ_ONLY:
                await self._engine.dispose()  # after a failover these connections lead to the former primary
            if _is_busy(failed):
                raise self._lost(failed, BUSY) from failed
            if _is_lost(failed):
                raise self._lost(failed, UNAVAILABLE) from failed
            raise
        if self._outage is not None:
            self._outage = None
            log.info("store available again")

    def _lost(self, cause: BaseException, detail: str) -> Unavailable:
        """Return the error to raise, logged once: thousands of requests may fail meanwhile."""
        if self._outage != detail:
            self._outage = detail
            orig = getattr(cause, "orig", None) or cause  # SQLAlchemy's driver error, which wraps asyncpg's own
            event = "store busy" if detail is BUSY else "store unavailable"
            log.warning(event, reason=type(orig.__cause__ or orig).__name__)
        return Unavailable(detail, retry_after=RETRY_AFTER)


def _unavailable() -> Unavailable:
    return Unavailable(UNAVAILABLE, retry_after=RETRY_AFTER)


READ_ONLY = "25006"
"""The SQLSTATE of a write to a standby."""

_LOST_SQLSTATES = ("08", "28", "3D", "40", "53", "57", READ_ONLY)
"""SQLSTATEs, and classes of them, that are caused by the server or the load, not by the statement (PostgreSQL, appendix A).
After an error of class 40, such as a deadlock, nothing was committed: the request may be repeated."""

_BUSY_SQLSTATES = ("40", "53300")
"""Deadlocks, serialization failures, and too many connections."""

_BUSY_SQLITE = ("locked", "busy")
"""Another process writes, such as a command of the operator."""

_LOST_SQLITE = (
    "unable to open",
    "disk i/o error",
    "readonly",
    "database or disk is full",
    "not a database",
    "malformed",
    "no active",
)


def _sqlstate(error: DBAPIError) -> str | None:
    """Return PostgreSQL's SQLSTATE; None for SQLite."""
    state = getattr(error.orig, "sqlstate", None)
    return state if isinstance(state, str) else None


def _is_busy(error: DBAPIError) -> bool:
    if (state := _sqlstate(error)) is not None:
        return state.startswith(_BUSY_SQLSTATES)
    message = str(error.orig).lower()
    return any(sign in message for sign in _BUSY_SQLITE)


def _is_lost(error: DBAPIError) -> bool:
    if error.connection_invalidated:
        return True
    if (state := _sqlstate(error)) is not None:
        return state.startswith(_LOST_SQLSTATES)
    message = str(error.orig).lower()
    return "connection is closed" in message or any(sign in message for sign in _LOST_SQLITE)
