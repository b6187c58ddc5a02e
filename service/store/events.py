"""The log of events (outbox).

The ids of an organization's events are given out at the end of the transaction, from a row that stays locked until the commit. So
ids are committed in order: a reader that has seen an id never misses a smaller one. PostgreSQL's sequences do not have this
property, because their numbers are given out before the commit.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    PrimaryKeyConstraint,
    RowMapping,
    String,
    Table,
    Text,
    Uuid,
    and_,
    delete,
    func,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from service.clock import Clock
from service.domain.events.event import Action, Audience, Event, Head, NewEvent, Scope
from service.store.connections import Connections
from service.store.statements import insertion
from service.store.tables import UtcDateTime, metadata, partial_index

event_heads = Table(
    "event_heads",
    metadata,
    Column("organization_id", Uuid, primary_key=True),
    Column("first_id", BigInteger, nullable=False),
    Column("last_id", BigInteger, nullable=False),
)

events = Table(
    "events",
    metadata,
    Column("organization_id", Uuid, nullable=False),
    Column("id", BigInteger, nullable=False),
    Column("channel", Text, nullable=False),
    Column("action", String(16), nullable=False),
    Column("resource_id", Text, nullable=False),
    Column("resource", Text),  # JSON as text: it is sent as it is
    Column("scope", String(16), nullable=False),
    Column("subject", Uuid),
    Column("source", String(128)),
    Column("created_at", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("organization_id", "id"),
    Index("ix_events_created_at", "created_at"),
)

partial_index(
    "uq_events_source", events.c.organization_id, events.c.source, where=events.c.source.is_not(None), unique=True
)


event_positions = Table(
    "event_positions",
    metadata,
    Column("reader", String(32), nullable=False),
    Column("organization_id", Uuid, nullable=False),
    Column("last_id", BigInteger, nullable=False),
    PrimaryKeyConstraint("reader", "organization_id"),
)
"""The last event that a reader has handled."""


class StoredEvents:
    """Implements `domain.events.ports.EventLog` and `PositionStore`."""

    def __init__(self, database: Connections) -> None:
        self._database = database

    async def events(
        self, organization_id: UUID, after: int, limit: int, channels: Collection[str] = ()
    ) -> list[Event]:
        here = [events.c.organization_id == organization_id, events.c.id > after]
        if channels:
            here.append(events.c.channel.in_(channels))
        wanted = select(events).where(*here).order_by(events.c.id).limit(limit)

        async def query(connection: AsyncConnection) -> list[Event]:
            return [_event(row) for row in (await connection.execute(wanted)).mappings()]

        return await self._database.read(query)

    async def heads(self, organization_ids: Collection[UUID]) -> dict[UUID, Head]:
        wanted = select(event_heads).where(event_heads.c.organization_id.in_(organization_ids))

        async def query(connection: AsyncConnection) -> dict[UUID, Head]:
            rows = (await connection.execute(wanted)).mappings()
            return {row["organization_id"]: Head(row["first_id"], row["last_id"]) for row in rows}

        found = await self._database.read(query)
        return {each: found.get(each, Head(1, 0)) for each in organization_ids}

    async def unhandled(self, reader: str, limit: int) -> list[Event]:
        here = and_(event_positions.c.organization_id == events.c.organization_id, event_positions.c.reader == reader)
        wanted = (
            select(events)
            .select_from(events.outerjoin(event_positions, here))
            .where(events.c.source.is_not(None), events.c.id > func.coalesce(event_positions.c.last_id, 0))
            .order_by(events.c.organization_id, events.c.id)
            .limit(limit)
        )

        async def query(connection: AsyncConnection) -> list[Event]:
            return [_event(row) for row in (await connection.execute(wanted)).mappings()]

        return await self._database.read(query)

    async def move_position(self, reader: str, organization_id: UUID, event_id: int) -> None:
        async def change(connection: AsyncConnection) -> None:
            row = {"reader": reader, "organization_id": organization_id, "last_id": event_id}
            # A position never moves back, even if a slower process reports last.
            behind = event_positions.c.last_id < event_id
            moved = insertion(connection, event_positions).values(row)
            key = [event_positions.c.reader, event_positions.c.organization_id]
            await connection.execute(
                moved.on_conflict_do_update(index_elements=key, set_={"last_id": event_id}, where=behind)
            )

        await self._database.write(change)

    async def purge_events(self, before: datetime, limit: int) -> int:
        old = select(events.c.organization_id, events.c.id).where(events.c.created_at < before)
        oldest = old.order_by(events.c.created_at).limit(limit)

        async def change(connection: AsyncConnection) -> int:
            last: dict[UUID, int] = {}
            for organization_id, id_ in (await connection.execute(oldest)).all():
                last[organization_id] = max(id_, last.get(organization_id, 0))
            deleted = 0
            for organization_id, id_ in sorted(last.items()):
                # The head first, as writers lock it: they and this never wait for each other in a ring.
                kept = update(event_heads).where(event_heads.c.organization_id == organization_id)
                await connection.execute(kept.values(first_id=id_ + 1))
                gone = delete(events).where(events.c.organization_id == organization_id, events.c.id <= id_)
                deleted += (await connection.execute(gone)).rowcount
            return deleted

        return await self._database.write(change)


async def append(connection: AsyncConnection, new: Iterable[NewEvent], clock: Clock) -> list[tuple[UUID, int, int]]:
    """Append events, as the last statements of a transaction. Return each organization's last id and number of new events."""
    by_organization = sorted(
        new, key=lambda event: event.organization_id
    )  # stable, and one order of locks for all writers
    heads = []
    for organization_id, group in groupby(by_organization, key=lambda event: event.organization_id):
        last_id, number = await _append(connection, organization_id, list(group), clock)
        if number:
            heads.append((organization_id, last_id, number))
    return heads


async def _append(
    connection: AsyncConnection, organization_id: UUID, new: list[NewEvent], clock: Clock
) -> tuple[int, int]:
    head = insertion(connection, event_heads).values(organization_id=organization_id, first_id=1, last_id=len(new))
    grown = head.on_conflict_do_update(
        index_elements=[event_heads.c.organization_id], set_={"last_id": event_heads.c.last_id + len(new)}
    )
    last_id = (await connection.execute(grown.returning(event_heads.c.last_id))).scalar_one()
    # After the head is locked: a concurrent transaction with the same source has ended by now, and is seen (READ COMMITTED).
    known = await _known_sources(connection, organization_id, {each.source for each in new if each.source is not None})
    rows = []
    # The id of an event that the log already has stays unused: ids grow, but with gaps.
    for id_, event in enumerate(new, last_id - len(new) + 1):
        if event.source is not None:
            if event.source in known:
                continue
            known.add(event.source)
        rows.append(_row(event, id_, clock.now()))
    if rows:
        await connection.execute(events.insert(), rows)
    return int(last_id), len(rows)


async def _known_sources(connection: AsyncConnection, organization_id: UUID, sources: set[str]) -> set[str]:
    """Return those of `sources` that the log has an event of. The head must be locked."""
    if not sources:
        return set()
    here = (events.c.organization_id == organization_id, events.c.source.in_(sources))
    return set((await connection.execute(select(events.c.source).where(*here))).scalars())


def _row(event: NewEvent, id_: int, at: datetime) -> dict[str, Any]:
    return {
        "organization_id": event.organization_id,
        "id": id_,
        "channel": event.channel,
        "action": event.action.value,
        "resource_id": event.resource_id,
        "resource": None if event.resource is None else json.dumps(event.resource, ensure_ascii=False),
        "scope": event.audience.scope.value,
        "subject": event.audience.subject,
        "source": event.source,
        "created_at": at,
    }


def _event(row: RowMapping) -> Event:
    return Event(
        organization_id=row["organization_id"],
        channel=row["channel"],
        action=Action(row["action"]),
        resource_id=row["resource_id"],
        resource=None if row["resource"] is None else json.loads(row["resource"]),
        audience=Audience(Scope(row["scope"]), row["subject"]),
        source=row["source"],
        id=row["id"],
        created_at=row["created_at"],
    )
