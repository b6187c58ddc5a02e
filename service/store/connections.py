"""Where the stores run their statements: each in a transaction of its own (`Database`), or all in one (`OneTransaction`)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

T = TypeVar("T")


class Connections(Protocol):
    """Runs reads and writes. Both raise `Unavailable` if the database does not answer."""

    async def read(self, query: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Run `query` in a read transaction."""

    async def write(self, change: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Run `change` in a transaction."""


class OneTransaction:
    """Runs everything in the transaction of one connection, which its owner commits."""

    def __init__(self, connection: AsyncConnection) -> None:
        self.connection = connection

    async def read(self, query: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        return await query(self.connection)

    async def write(self, change: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        return await change(self.connection)
