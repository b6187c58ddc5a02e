"""Rows as entities: what all records of the API channel have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, Table, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

T = TypeVar("T")


def entity_reader(kind: type[T], /, **conversions: Callable[[Any], Any]) -> Callable[[Mapping[str, Any]], T]:
    """Return a function from a row to an entity with the same names. `conversions` apply to values that are not NULL."""
    names = [each.name for each in fields(kind)]  # type: ignore[arg-type]

    def read(row: Mapping[str, Any]) -> T:
        values = {name: row[name] for name in names}
        for name, convert in conversions.items():
            if values[name] is not None:
                values[name] = convert(values[name])
        return kind(**values)

    return read


class Records:
    """A connection within a transaction, and the statements that records are read and written with."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def _one(self, read: Callable[[Mapping[str, Any]], T], query: Select[Any]) -> T | None:
        row = (await self._connection.execute(query.limit(1))).mappings().one_or_none()
        return None if row is None else read(dict(row))

    async def _all(self, read: Callable[[Mapping[str, Any]], T], query: Select[Any]) -> list[T]:
        return [read(dict(row)) for row in (await self._connection.execute(query)).mappings()]

    async def _insert(self, read: Callable[[Mapping[str, Any]], T], table: Table, values: Mapping[str, Any]) -> T:
        statement = table.insert().values(dict(values)).returning(*table.c)
        return read(dict((await self._connection.execute(statement)).mappings().one()))

    async def _update(
        self, read: Callable[[Mapping[str, Any]], T], table: Table, key: int, values: Mapping[str, Any]
    ) -> T:
        """Change a row, which exists, and return it."""
        if not values:
            return read(dict((await self._connection.execute(select(table).where(table.c.id == key))).mappings().one()))
        statement = update(table).where(table.c.id == key).values(dict(values)).returning(*table.c)
        return read(dict((await self._connection.execute(statement)).mappings().one()))


def matching(pairs: Iterable[tuple[ColumnElement[Any], Any]]) -> list[ColumnElement[bool]]:
    """Return conditions for the pairs of a column and a value, without those whose value is None."""
    return [column == value for column, value in pairs if value is not None]
