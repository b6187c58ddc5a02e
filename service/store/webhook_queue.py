"""Webhooks with something to deliver, shared by the processes of all nodes.

    lease (FOR UPDATE SKIP LOCKED) ─▶ start ─▶ the request, with no transaction open ─▶ succeed or fail ─▶ … ─▶ release

A lease is a token and a time, which is PostgreSQL's where the nodes share it: their clocks may differ. Each write names the
token: a process that lost its lease changes nothing any more.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Interval,
    and_,
    case,
    delete,
    exists,
    false,
    func,
    literal,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from service.domain.webhooks.ports import Lease, WebhookStatistics
from service.domain.webhooks.webhook import Delivery, DeliveryStatus, Disabled, Missed, Outcome
from service.store.connections import Connections
from service.store.conversation_tables import former_members, members
from service.store.events import event_heads, events
from service.store.statements import values_of
from service.store.tables import UtcDateTime, channels, users
from service.store.webhook_tables import UNFINISHED, webhook_deliveries, webhooks
from service.store.webhooks import ATTEMPTS, delivery_from, no_retry, webhook_from

FRESH = {"retry_index": 0, "next_attempt_at": None}
"""The next event has not been attempted yet."""

INTERRUPTED = "The service stopped during the attempt. It is repeated."

_PENDING, _STARTED = DeliveryStatus.PENDING.value, DeliveryStatus.STARTED.value

_BEHIND = exists().where(
    event_heads.c.organization_id == webhooks.c.organization_id, event_heads.c.last_id > webhooks.c.last_event_id
)

_REQUESTED = exists().where(
    webhook_deliveries.c.webhook_id == webhooks.c.id,
    webhook_deliveries.c.status == _PENDING,
    webhook_deliveries.c.is_requested == true(),
    UNFINISHED,  # implied; by it the databases find the index
)

_OWNER = (
    select(users.c.id)
    .where(
        users.c.id == webhooks.c.user_id,
        users.c.deleted_at.is_(None),
        or_(users.c.is_staff == true(), users.c.is_manager == true()),
    )
    .correlate(webhooks)
    .scalar_subquery()
    .label("active_owner")
)


class StoredQueue:
    """Implements `domain.webhooks.ports.DeliveryQueue`."""

    def __init__(self, database: Connections) -> None:
        self._database = database

    async def organizations(self) -> set[UUID]:
        wanted = select(webhooks.c.organization_id).where(webhooks.c.disabled.is_(None)).distinct()

        async def query(connection: AsyncConnection) -> set[UUID]:
            return set((await connection.execute(wanted)).scalars())

        return await self._database.read(query)

    async def lease(
        self, now: datetime, duration: timedelta, limit: int, organization_ids: Collection[UUID] | None = None
    ) -> list[Lease]:
        due = or_(webhooks.c.next_attempt_at.is_(None), webhooks.c.next_attempt_at <= now)
        work = [or_(_REQUESTED, and_(webhooks.c.disabled.is_(None), due, _BEHIND))]
        if organization_ids is not None:
            work.append(webhooks.c.organization_id.in_(organization_ids))
        # In turns, the one that has waited longest first: a webhook with many events does not hold up the others.
        wanted = select(webhooks.c.id).where(*work).order_by(webhooks.c.last_turn_at.asc().nulls_first()).limit(limit)

        async def query(connection: AsyncConnection) -> bool:
            return (await connection.execute(wanted.where(_free(connection)).limit(1))).first() is not None

        async def change(connection: AsyncConnection) -> list[Lease]:
            locked = wanted.where(_free(connection)).with_for_update(of=webhooks, skip_locked=True)
            ids = list((await connection.execute(locked)).scalars())
            return [await _reserve(connection, each, duration) for each in ids]

        if not await self._database.read(query):  # nearly always: a write would wait for its turn
            return []
        return await self._database.write(change)

    async def requested(self, lease: Lease) -> Delivery | None:
        its = webhook_deliveries.c.webhook_id == lease.webhook.id
        waiting = webhook_deliveries.c.status == _PENDING, webhook_deliveries.c.is_requested == true()
        oldest = select(webhook_deliveries).where(its, UNFINISHED, *waiting).order_by(webhook_deliveries.c.created_at)

        async def query(connection: AsyncConnection) -> Delivery | None:
            row = (await connection.execute(oldest.limit(1))).mappings().one_or_none()
            return None if row is None else delivery_from(row)

        return await self._database.read(query)

    async def readable(self, user_id: UUID | None, channel_ids: Collection[UUID]) -> set[UUID]:
        visible: list[ColumnElement[bool]] = [channels.c.is_private == false()]
        if user_id is not None:
            for table in (members, former_members):
                visible.append(exists().where(table.c.channel_id == channels.c.id, table.c.user_id == user_id))
        wanted = select(channels.c.id).where(channels.c.id.in_(channel_ids), or_(*visible))

        async def query(connection: AsyncConnection) -> set[UUID]:
            return set((await connection.execute(wanted)).scalars())

        return await self._database.read(query)

    async def start(self, lease: Lease, delivery: Delivery, duration: timedelta) -> Delivery | None:
        waiting = (
            update(webhook_deliveries)
            .where(_planned(delivery))
            .values(status=_STARTED, started_at=delivery.started_at, retry_index=delivery.retry_index)
            .returning(webhook_deliveries.c.id)
        )

        async def change(connection: AsyncConnection) -> Delivery | None:
            if not await _renew(connection, lease, duration):
                return None
            planned = (await connection.execute(waiting)).scalar_one_or_none()
            if planned is not None:
                return replace(delivery, id=planned)
            await connection.execute(webhook_deliveries.insert().values(values_of(delivery)))
            return delivery

        return await self._database.write(change)

    async def move(self, lease: Lease, cursor: int, duration: timedelta) -> bool:
        return await self._moved(lease, duration, last_event_id=cursor)

    async def miss(self, lease: Lease, missed: Missed, duration: timedelta) -> bool:
        values = {"last_event_id": missed.last, "missed_first": missed.first, "missed_last": missed.last}
        return await self._moved(lease, duration, **values)

    async def _moved(self, lease: Lease, duration: timedelta, **values: Any) -> bool:
        """Set the cursor to behind the event that waits for its next attempt, if there is one."""

        async def change(connection: AsyncConnection) -> bool:
            if not await _renew(connection, lease, duration, **values, **FRESH):
                return False
            await connection.execute(no_retry(lease.webhook.id))
            return True

        return await self._database.write(change)

    async def finish_requested(self, lease: Lease, delivery: Delivery, outcome: Outcome) -> bool:
        return await self._database.write(lambda connection: _finish(connection, delivery, outcome))

    async def succeed(self, lease: Lease, delivery: Delivery, outcome: Outcome) -> bool:
        async def change(connection: AsyncConnection) -> bool:
            await _finish(connection, delivery, outcome)
            return await _change(connection, lease, {"last_event_id": delivery.event_id, **FRESH})

        return await self._database.write(change)

    async def fail(
        self, lease: Lease, delivery: Delivery, outcome: Outcome, retry: Delivery | None, disabled: Disabled | None
    ) -> bool:
        values: dict[str, Any] = FRESH
        if retry is not None:
            values = {"retry_index": retry.retry_index, "next_attempt_at": retry.next_attempt_at}
        if disabled is not None:
            values = {**values, "disabled": disabled.value, "updated_at": outcome.finished_at}

        async def change(connection: AsyncConnection) -> bool:
            await _finish(connection, delivery, outcome)
            if not await _change(connection, lease, values):
                return False
            if retry is not None:
                await connection.execute(webhook_deliveries.insert().values(values_of(retry)))
            return True

        return await self._database.write(change)

    async def disable(self, lease: Lease, because: Disabled, at: datetime) -> bool:
        async def change(connection: AsyncConnection) -> bool:
            return await _change(connection, lease, {"disabled": because.value, "updated_at": at})

        return await self._database.write(change)

    async def release(self, lease: Lease, at: datetime) -> None:
        async def change(connection: AsyncConnection) -> None:
            if await _change(connection, lease, {"lease": None, "leased_until": None, "last_turn_at": at}):
                await _repair(connection, lease.webhook.id)

        await self._database.write(change)

    async def statistics(self, now: datetime) -> WebhookStatistics:
        enabled = webhooks.c.disabled.is_(None)
        numbers = select(
            func.count(),
            func.count().filter(enabled, webhooks.c.retry_index > 0),
            func.count().filter(webhooks.c.disabled.is_not(None)),
        ).select_from(webhooks)

        async def query(connection: AsyncConnection) -> WebhookStatistics:
            total, failing, disabled = (await connection.execute(numbers)).one()
            untaken = select(func.min(_untaken_since(now, _free(connection))))
            since = (await connection.execute(untaken)).scalar_one()
            lag = 0.0 if since is None else max(0.0, (now - since).total_seconds())
            return WebhookStatistics(total, failing, disabled, lag)

        return await self._database.read(query)

    async def purge_deliveries(self, before: datetime, limit: int) -> int:
        old = select(webhook_deliveries.c.id).where(webhook_deliveries.c.created_at < before, ~UNFINISHED)
        oldest = old.order_by(webhook_deliveries.c.created_at).limit(limit)

        async def query(connection: AsyncConnection) -> list[UUID]:
            return list((await connection.execute(oldest)).scalars())

        ids = await self._database.read(query)
        if not ids:
            return 0
        gone = delete(webhook_deliveries).where(webhook_deliveries.c.id.in_(ids))

        async def change(connection: AsyncConnection) -> int:
            return (await connection.execute(gone)).rowcount

        return await self._database.write(change)


def _present(connection: AsyncConnection) -> ColumnElement[datetime]:
    """Return the time by the clock that all deliverers share: that of PostgreSQL; with SQLite that of the only machine."""
    if connection.dialect.name == "postgresql":
        return func.clock_timestamp(type_=DateTime(timezone=True))
    return literal(datetime.now(UTC), UtcDateTime())


def _end(connection: AsyncConnection, duration: timedelta) -> ColumnElement[datetime]:
    """Return when a lease of this duration expires."""
    if connection.dialect.name == "postgresql":
        return _present(connection) + literal(duration, Interval())
    return literal(datetime.now(UTC) + duration, UtcDateTime())


def _free(connection: AsyncConnection) -> ColumnElement[bool]:
    """Return the condition for a webhook that is leased to no deliverer."""
    return or_(webhooks.c.leased_until.is_(None), webhooks.c.leased_until < _present(connection))


def _untaken_since(now: datetime, free: ColumnElement[bool]) -> ColumnElement[datetime]:
    """Return since when each webhook without a deliverer is due.

    That is the time of the oldest event, of the planned retry or of the end of the last turn, the latest of them.
    """
    oldest = (
        select(events.c.created_at)
        .where(events.c.organization_id == webhooks.c.organization_id, events.c.id > webhooks.c.last_event_id)
        .order_by(events.c.id)
        .limit(1)
        .correlate(webhooks)
        .scalar_subquery()
    )
    due = func.coalesce(webhooks.c.next_attempt_at, oldest).label("due")
    waiting = (
        select(due, webhooks.c.last_turn_at)
        .where(webhooks.c.disabled.is_(None), free, _BEHIND, or_(due.is_(None), due <= now))
        .subquery()
    )
    return case((waiting.c.last_turn_at > waiting.c.due, waiting.c.last_turn_at), else_=waiting.c.due)


def _planned(delivery: Delivery) -> ColumnElement[bool]:
    """Return the condition for the row of this attempt, if it was stored before: a retry, or a request."""
    if delivery.is_requested:
        return webhook_deliveries.c.id == delivery.id
    return and_(
        webhook_deliveries.c.webhook_id == delivery.webhook_id,
        webhook_deliveries.c.event_id == delivery.event_id,
        webhook_deliveries.c.status == _PENDING,
        ATTEMPTS,
    )


async def _reserve(connection: AsyncConnection, webhook_id: UUID, duration: timedelta) -> Lease:
    """Reserve a webhook whose row is locked."""
    token = uuid4()
    here = webhooks.c.id == webhook_id
    await connection.execute(update(webhooks).where(here).values(lease=token, leased_until=_end(connection, duration)))
    await _repair(connection, webhook_id)
    row = (await connection.execute(select(webhooks, _OWNER).where(here))).mappings().one()
    return Lease(webhook_from(row), token, row["user_id"] is None or row["active_owner"] is not None)


async def _repair(connection: AsyncConnection, webhook_id: UUID) -> None:
    """Note that deliveries were interrupted. Those of events are attempted again; requested ones wait again."""
    started = webhook_deliveries.c.webhook_id == webhook_id, webhook_deliveries.c.status == _STARTED, UNFINISHED
    failed = {"status": DeliveryStatus.FAILED.value, "error": INTERRUPTED}
    await connection.execute(update(webhook_deliveries).where(*started, ATTEMPTS).values(failed))
    await connection.execute(update(webhook_deliveries).where(*started).values(status=_PENDING))


async def _renew(connection: AsyncConnection, lease: Lease, duration: timedelta, **values: Any) -> bool:
    return await _change(connection, lease, {"leased_until": _end(connection, duration), **values})


async def _change(connection: AsyncConnection, lease: Lease, values: dict[str, Any]) -> bool:
    """Change the webhook, if the lease still holds."""
    here = webhooks.c.id == lease.webhook.id, webhooks.c.lease == lease.token
    return (await connection.execute(update(webhooks).where(*here).values(values))).rowcount == 1


async def _finish(connection: AsyncConnection, delivery: Delivery, outcome: Outcome) -> bool:
    finished = {name: value for name, value in values_of(outcome).items() if name != "finished_at"}
    here = webhook_deliveries.c.id == delivery.id
    return (await connection.execute(update(webhook_deliveries).where(here).values(finished))).rowcount == 1
