"""Queries for pages of channels, in the order of a time that may have passed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Select, func, select

from service.domain.paging import PageRequest
from service.store.conversation_tables import messages
from service.store.statements import paged
from service.store.tables import UtcDateTime


def places(
    identity: Column[Any],
    at: Column[Any],
    created_at: Column[Any],
    *where: ColumnElement[bool],
    request: PageRequest,
    descending: bool,
    since: datetime | None,
) -> list[Select[Any]]:
    """Return queries for `id` and `at` of the channels of a page, for a union: each reads an index, as far as the page is long.

    With `since`, the channels are in the order of that time. The few with a later message are read and put where they were.
    """

    def walk(*more: ColumnElement[bool]) -> Select[Any]:
        query: Select[Any] = select(identity.label("id"), at.label("at")).where(*where, *more)
        return _whole(paged(query, at, identity, request, descending=descending))

    if since is None:
        return [walk()]
    moved = (
        select(identity.label("id"), _latest_by(since, identity, created_at).label("at"))
        .where(*where, at > since, created_at <= since)
        .subquery()
    )
    all_moved: Select[Any] = select(moved.c.id, moved.c.at)
    put_back = paged(all_moved, moved.c.at, moved.c.id, request, descending=descending)
    return [walk(*_unmoved(at, since, request, descending)), _whole(put_back)]


def _unmoved(at: Column[Any], since: datetime, request: PageRequest, descending: bool) -> list[ColumnElement[bool]]:
    """Return the conditions for channels without a later message.

    SQLite must enter the index at the anchor and not at `since`. So `since` is compared only where the anchor does not imply it,
    and in a form that no index can serve. PostgreSQL estimates that a third of the rows match this form. For a
    comparison with CASE its estimate is so low that it sorts all rows instead of walking along the index.
    """
    if request.anchor is None:
        return [at <= since]
    downward = descending != request.backward
    return [] if downward else [func.coalesce(at, at) <= since]


def _whole(query: Select[Any]) -> Select[Any]:
    return select(query.subquery())  # SQLite allows no LIMIT within a UNION


def _latest_by(since: datetime, identity: Column[Any], created_at: Column[Any]) -> ColumnElement[datetime]:
    """Return the time of the channel's latest message as of `since`, or of its creation if it had none."""
    latest = select(func.max(messages.c.created_at)).where(
        messages.c.channel_id == identity, messages.c.created_at <= since
    )
    return func.coalesce(latest.correlate(identity.table).scalar_subquery(), created_at, type_=UtcDateTime())
