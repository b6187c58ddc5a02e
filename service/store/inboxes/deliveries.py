"""Events that wait for the webhooks of inboxes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select, update

from service.domain.inboxes.entities import Delivery, Inbox
from service.store.inbox_tables import inbox_deliveries, inboxes
from service.store.inboxes.records import Records, entity_reader
from service.store.inboxes.sources import inbox_from

_delivery = entity_reader(Delivery)


class StoredDeliveries(Records):
    """Implements `domain.inboxes.records.DeliveryRecords`. `has_deliveries`: an event was added."""

    has_deliveries = False

    async def add_delivery(self, values: Mapping[str, Any]) -> None:
        self.has_deliveries = True
        await self._connection.execute(inbox_deliveries.insert().values(dict(values)))

    async def claim_deliveries(
        self, now: datetime, until: datetime, limit: int, per_inbox: int, busy: Collection[int]
    ) -> list[tuple[Delivery, Inbox]]:
        row, earlier = inbox_deliveries.c, inbox_deliveries.alias("earlier").c
        first = ~select(earlier.id).where(earlier.conversation_id == row.conversation_id, earlier.id < row.id).exists()
        free = or_(row.claimed_until.is_(None), row.claimed_until < now)
        place = func.row_number().over(partition_by=row.inbox_id, order_by=row.id)
        others = row.inbox_id.not_in(busy)
        due = select(row.id, place.label("place")).where(row.due_at <= now, free, first, others).subquery()
        chosen = select(due.c.id).where(due.c.place <= per_inbox).order_by(due.c.id).limit(limit)
        locked = select(row.id).where(row.id.in_(chosen), free).with_for_update(skip_locked=True)
        ids = list((await self._connection.execute(locked)).scalars())
        if not ids:
            return []
        taken = update(inbox_deliveries).where(row.id.in_(ids)).values(claimed_until=until, attempts=row.attempts + 1)
        await self._connection.execute(taken)
        deliveries = await self._all(_delivery, select(inbox_deliveries).where(row.id.in_(ids)).order_by(row.id))
        wanted = select(inboxes).where(inboxes.c.id.in_({each.inbox_id for each in deliveries}))
        found: dict[int, Inbox] = {each.id: each for each in await self._all(inbox_from, wanted)}
        return [(each, found[each.inbox_id]) for each in deliveries]

    async def postpone_delivery(self, delivery_id: int, due_at: datetime) -> None:
        await self._change(delivery_id, {"due_at": due_at, "claimed_until": None})

    async def remove_delivery(self, delivery_id: int) -> None:
        await self._connection.execute(inbox_deliveries.delete().where(inbox_deliveries.c.id == delivery_id))

    async def _change(self, delivery_id: int, values: dict[str, Any]) -> None:
        await self._connection.execute(
            update(inbox_deliveries).where(inbox_deliveries.c.id == delivery_id).values(values)
        )
