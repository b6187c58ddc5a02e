"""Webhooks as clients manage them, and the log of their deliveries."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, delete, false, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.domain.paging import PageRequest
from service.domain.webhooks.webhook import Delivery, DeliveryStatus, Disabled, Missed, Subscription, Webhook
from service.store.connections import Connections
from service.store.events import event_heads
from service.store.rows import Row
from service.store.statements import paged, values_of
from service.store.tables import organizations
from service.store.webhook_tables import webhook_deliveries, webhooks

_PLAIN = (
    "id", "organization_id", "user_id", "endpoint_url", "secret", "created_at", "updated_at", "previous_secret",
    "previous_secret_until", "last_event_id", "retry_index", "next_attempt_at",
)  # fmt: skip
"""Columns that are attributes of `Webhook` as they are."""

ATTEMPTS = webhook_deliveries.c.is_requested == false()
"""Deliveries in the order of events, not requested ones."""


class StoredWebhooks:
    """Implements `domain.webhooks.ports.WebhookStore`."""

    def __init__(self, database: Connections) -> None:
        self._database = database

    async def add_webhook(self, webhook: Webhook, most: int) -> bool:
        here = organizations.c.id == webhook.organization_id
        number = select(func.count()).where(webhooks.c.organization_id == webhook.organization_id)
        head = select(event_heads.c.last_id).where(event_heads.c.organization_id == webhook.organization_id)

        async def change(connection: AsyncConnection) -> bool:
            await connection.execute(select(organizations.c.id).where(here).with_for_update())  # counts one by one
            if (await connection.execute(number)).scalar_one() >= most:
                return False
            last_id = (await connection.execute(head)).scalar_one_or_none() or 0
            row = webhook_row({name: getattr(webhook, name) for name in (*_PLAIN, "subscriptions", "disabled")})
            await connection.execute(webhooks.insert().values({**row, "last_event_id": last_id}))
            return True

        return await self._database.write(change)

    async def webhooks(
        self, organization_id: UUID, user_id: UUID | None, request: PageRequest, *, of_organization: bool
    ) -> list[Webhook]:
        theirs: list[ColumnElement[bool]] = [webhooks.c.user_id.is_(None)] if of_organization else []
        if user_id is not None:
            theirs.append(webhooks.c.user_id == user_id)
        wanted = select(webhooks).where(webhooks.c.organization_id == organization_id, or_(false(), *theirs))
        wanted = paged(wanted, webhooks.c.created_at, webhooks.c.id, request, descending=False)

        async def query(connection: AsyncConnection) -> list[Webhook]:
            return [webhook_from(row) for row in (await connection.execute(wanted)).mappings()]

        return await self._database.read(query)

    async def webhook(self, organization_id: UUID, webhook_id: UUID) -> Webhook | None:
        here = webhooks.c.id == webhook_id, webhooks.c.organization_id == organization_id

        async def query(connection: AsyncConnection) -> Webhook | None:
            row = (await connection.execute(select(webhooks).where(*here))).mappings().one_or_none()
            return None if row is None else webhook_from(row)

        return await self._database.read(query)

    async def change_webhook(self, webhook_id: UUID, changes: Mapping[str, Any]) -> Webhook | None:
        # A delivery under way belongs to the webhook as it was: without its lease it cannot set the cursor.
        values = {**webhook_row(changes), "lease": None, "leased_until": None}
        here = webhooks.c.id == webhook_id

        async def change(connection: AsyncConnection) -> Webhook | None:
            changed = update(webhooks).where(here).values(values).returning(webhooks)
            row = (await connection.execute(changed)).mappings().one_or_none()
            if row is not None and row["retry_index"] == 0:
                await connection.execute(no_retry(webhook_id))
            return None if row is None else webhook_from(row)

        return await self._database.write(change)

    async def delete_webhook(self, webhook_id: UUID) -> bool:
        async def change(connection: AsyncConnection) -> bool:
            its = webhook_deliveries.c.webhook_id == webhook_id
            await connection.execute(delete(webhook_deliveries).where(its))
            return (await connection.execute(delete(webhooks).where(webhooks.c.id == webhook_id))).rowcount == 1

        return await self._database.write(change)

    async def add_delivery(self, delivery: Delivery, most: int) -> bool:
        waiting = select(func.count()).where(
            webhook_deliveries.c.webhook_id == delivery.webhook_id,
            webhook_deliveries.c.is_requested,
            webhook_deliveries.c.status == DeliveryStatus.PENDING.value,
        )
        here = select(webhooks.c.id).where(webhooks.c.id == delivery.webhook_id).with_for_update()

        async def change(connection: AsyncConnection) -> bool:
            if (await connection.execute(here)).first() is None:
                return False
            if (await connection.execute(waiting)).scalar_one() >= most:
                return False
            await connection.execute(webhook_deliveries.insert().values(values_of(delivery)))
            return True

        return await self._database.write(change)

    async def deliveries(self, webhook_id: UUID, status: DeliveryStatus | None, request: PageRequest) -> list[Delivery]:
        wanted = select(webhook_deliveries).where(webhook_deliveries.c.webhook_id == webhook_id)
        if status is not None:
            wanted = wanted.where(webhook_deliveries.c.status == status.value)
        wanted = paged(wanted, webhook_deliveries.c.created_at, webhook_deliveries.c.id, request, descending=True)

        async def query(connection: AsyncConnection) -> list[Delivery]:
            return [delivery_from(row) for row in (await connection.execute(wanted)).mappings()]

        return await self._database.read(query)

    async def delivery(self, webhook_id: UUID, delivery_id: UUID) -> Delivery | None:
        here = webhook_deliveries.c.id == delivery_id, webhook_deliveries.c.webhook_id == webhook_id

        async def query(connection: AsyncConnection) -> Delivery | None:
            row = (await connection.execute(select(webhook_deliveries).where(*here))).mappings().one_or_none()
            return None if row is None else delivery_from(row)

        return await self._database.read(query)


def no_retry(webhook_id: UUID) -> Any:
    """Return a DELETE of the next attempt that waits."""
    waiting = webhook_deliveries.c.status == DeliveryStatus.PENDING.value
    return delete(webhook_deliveries).where(webhook_deliveries.c.webhook_id == webhook_id, waiting, ATTEMPTS)


def webhook_row(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return attributes of `Webhook` as columns."""
    row = {name: value for name, value in values.items() if name in _PLAIN}
    if "subscriptions" in values:
        row["subscriptions"] = json.dumps([asdict(each) for each in values["subscriptions"]])
    if "disabled" in values:
        row["disabled"] = None if values["disabled"] is None else values["disabled"].value
    if "missed" in values:
        missed = values["missed"]
        row |= {"missed_first": missed and missed.first, "missed_last": missed and missed.last}
    return row


def webhook_from(row: Row) -> Webhook:
    return Webhook(
        **{name: row[name] for name in _PLAIN},
        subscriptions=tuple(Subscription(**each) for each in json.loads(row["subscriptions"])),
        disabled=None if row["disabled"] is None else Disabled(row["disabled"]),
        missed=None if row["missed_first"] is None else Missed(row["missed_first"], row["missed_last"]),
    )


def delivery_from(row: Row) -> Delivery:
    return Delivery(**{**row, "status": DeliveryStatus(row["status"])})
