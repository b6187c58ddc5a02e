"""PostgreSQL through asyncpg. Imported only where it is used: the driver and its dialect take 4 MiB."""

from __future__ import annotations

from typing import Any

import asyncpg  # type: ignore[import-untyped]
from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

CONNECT_TIMEOUT = 3.0
"""Seconds the server has to accept a connection."""

STATEMENT_TIMEOUT = 5.0
"""Seconds one statement may take."""

ERRORS: tuple[type[Exception], ...] = (asyncpg.PostgresError,)
"""Errors of the driver while it connects. SQLAlchemy does not wrap these."""

CONNECTION_ERRORS: tuple[type[Exception], ...] = (asyncpg.InterfaceError, OSError, TimeoutError)
"""Other errors of the driver when a connection is lost."""


async def connect(url: URL, statement_timeout: float) -> Any:
    """Open a connection outside of the pool (an asyncpg.Connection). Raise ERRORS or CONNECTION_ERRORS."""
    _, options = url.get_dialect()().create_connect_args(url)
    return await asyncpg.connect(**options, timeout=CONNECT_TIMEOUT, command_timeout=statement_timeout)


def postgresql_engine(url: URL, **pool: Any) -> AsyncEngine:
    """Create an engine. It connects at the first use."""
    return create_async_engine(
        url,
        pool_pre_ping=True,  # after a restart of the server the dead connections are replaced, not handed out
        connect_args={"timeout": CONNECT_TIMEOUT, "command_timeout": STATEMENT_TIMEOUT},
        **pool,
    )
