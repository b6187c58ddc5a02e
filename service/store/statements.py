"""Statements both databases understand but SQLAlchemy has no common form for."""

from __future__ import annotations

from dataclasses import fields
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Insert, Select, Table, literal, tuple_
from sqlalchemy.dialects import sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from service.domain.paging import PageRequest


def insertion(connection: AsyncConnection, table: Table) -> Any:
    """An INSERT that knows ON CONFLICT: SQLAlchemy has one for each database, under the same names.

    PostgreSQL's is imported where it is used only: its dialect takes 2 MiB.
    """
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(table)
    return sqlite.insert(table)


def insert_new(connection: AsyncConnection, table: Table, row: dict[str, Any]) -> Insert:
    """INSERT … ON CONFLICT DO NOTHING: whoever comes first wins, the others change nothing."""
    statement: Insert = insertion(connection, table).values(row).on_conflict_do_nothing()
    return statement


def values_of(entity: Any) -> dict[str, Any]:
    """A flat dataclass as the row of the table with the same column names."""
    return {field.name: getattr(entity, field.name) for field in fields(entity)}


def paged(
    query: Select[Any],
    at: ColumnElement[Any],
    identity: ColumnElement[Any],
    request: PageRequest,
    *,
    descending: bool,
) -> Select[Any]:
    """Keyset paging by `at`, then `identity`, both in one direction; the page is turned round when the request goes backward.

    `identity` is a column of UUIDs. The place is compared as a row: of both databases' ways to say it this one is where an index
    is entered, so that the last page costs what the first one does.
    """
    downward = descending != request.backward
    if request.anchor is not None:
        place, here = (
            tuple_(at, identity),
            tuple_(literal(request.anchor.at, at.type), literal(UUID(request.anchor.id), identity.type)),
        )
        query = query.where(place < here if downward else place > here)
    order = (at.desc(), identity.desc()) if downward else (at.asc(), identity.asc())
    return query.order_by(*order).limit(request.size + 1)
