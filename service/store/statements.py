"""Statements that both databases support but SQLAlchemy has no common form for."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import fields
from itertools import islice
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Insert, Select, Table, literal, tuple_
from sqlalchemy.dialects import sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from service.domain.paging import PageRequest

BATCH = 500
"""Values in one IN list."""

T = TypeVar("T")


def batches(values: Collection[T]) -> Iterator[list[T]]:
    """Return the values in lists of at most BATCH."""
    rest = iter(values)
    while some := list(islice(rest, BATCH)):
        yield some


def insertion(connection: AsyncConnection, table: Table) -> Any:
    """Return an INSERT that supports ON CONFLICT. SQLAlchemy has one for each database, with the same methods.

    PostgreSQL's is imported only where it is used: its dialect takes 2 MiB.
    """
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(table)
    return sqlite.insert(table)


def insert_new(connection: AsyncConnection, table: Table, row: dict[str, Any]) -> Insert:
    """Return INSERT … ON CONFLICT DO NOTHING: of concurrent ones, the first is stored."""
    statement: Insert = insertion(connection, table).values(row).on_conflict_do_nothing()
    return statement


def values_of(entity: Any) -> dict[str, Any]:
    """Return a flat dataclass as a row of the table with the same column names."""
    return {field.name: getattr(entity, field.name) for field in fields(entity)}


def paged(
    query: Select[Any],
    at: ColumnElement[Any],
    identity: ColumnElement[Any],
    request: PageRequest,
    *,
    descending: bool,
) -> Select[Any]:
    """Add keyset paging by `at`, then `identity`, in one direction, which is reversed for a backward request.

    `identity` is a column of UUIDs. The anchor is compared as a row value: in both databases, this form enters the index at the
    anchor, so that the last page costs no more than the first.
    """
    downward = descending != request.backward
    if request.anchor is not None:
        place, here = (
            tuple_(at, identity),
            tuple_(literal(request.anchor.at, at.type), literal(UUID(request.anchor.id), identity.type)),
        )
        query = query.where(place < here if downward else place > here)
    order = (at.desc(), identity.desc()) if downward else (at.asc(), identity.asc())
    # One row more than the page: it says whether another page follows.
    return query.order_by(*order).limit(request.size + 1)
