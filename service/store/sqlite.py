"""SQLite through aiosqlite: how connections are opened, how transactions begin, and the threads that do the work.

SQLAlchemy's default transactions begin deferred, and two of them that read and then write lose updates without an error (534 of 600
in a measurement). Writers here begin with BEGIN IMMEDIATE, readers with a plain BEGIN.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiosqlite
from sqlalchemy import URL, Connection, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

BUSY_TIMEOUT_MS = 5_000
"""How long a writer waits for another one, in ms."""

WRITES = "conference_writes"
"""The execution option of a connection whose transaction writes."""


class Workers:
    """The connections with a running thread.

    A connection whose opening or statement was cancelled ends by itself, on its thread, which then calls the event loop: the loop
    must still run. The pool does not close a connection that is in use when the pool is closed; `end` does.
    """

    def __init__(self) -> None:
        self._connections: set[aiosqlite.Connection] = set()

    def connect(self, *arguments: Any, **options: Any) -> aiosqlite.Connection:
        """Open a connection like `aiosqlite.connect`. Its thread is a daemon, as with SQLAlchemy: no process waits for it."""
        connection = aiosqlite.connect(*arguments, **options)
        connection._thread.daemon = True
        # Connections that the pool has closed are dropped here: their threads have ended.
        self._connections = {each for each in self._connections if each._thread.is_alive()} | {connection}
        return connection

    async def end(self) -> None:
        """Close all open connections, and wait for each thread, at most BUSY_TIMEOUT_MS."""
        for connection in self._connections:
            if connection._thread.is_alive():
                connection.stop()
                await asyncio.to_thread(connection._thread.join, BUSY_TIMEOUT_MS / 1000)


def sqlite_engine(url: URL, workers: Workers, **pool: Any) -> AsyncEngine:
    """Create an engine. Raise OSError if the folder of the database cannot be created."""
    if url.database and url.database != ":memory:":
        _create_private(Path(url.database))
    engine = create_async_engine(url, **pool)

    @event.listens_for(engine.sync_engine, "do_connect")
    def connect(_dialect: Any, _record: Any, _arguments: Any, options: dict[str, Any]) -> None:
        options["async_creator_fn"] = workers.connect

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the driver must not begin transactions: `begin` below does
        cursor = connection.cursor()
        for pragma in (
            f"busy_timeout = {BUSY_TIMEOUT_MS}",
            # Readers do not wait for the writer, nor the writer for readers (SQLite, "Write-Ahead Logging").
            "journal_mode = WAL",
            # With WAL, a power failure may undo the last commits, but cannot corrupt the database.
            "synchronous = NORMAL",
            # Off by default, and a setting of the connection, not of the file.
            "foreign_keys = ON",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _create_private(file: Path) -> None:
    """Create the database file, readable by its owner only, if there is none. SQLite gives its WAL files the same mode."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(FileExistsError):
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
