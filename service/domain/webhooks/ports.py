"""Ports of webhooks. Every method may raise `errors.Unavailable`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from service.domain.events.ports import Transaction
from service.domain.paging import PageRequest
from service.domain.webhooks.webhook import Delivery, DeliveryStatus, Disabled, Missed, Outcome, Webhook


class WebhookStore(Protocol):
    """Webhooks as clients manage them, and their deliveries as clients read them."""

    async def add_webhook(self, webhook: Webhook, most: int) -> bool:
        """Store a webhook with its cursor at the end of the log.

        Args:
            webhook: The new webhook.
            most: Webhooks that an organization may have.

        Returns:
            False if the organization has that many already. Nothing is stored.
        """

    async def webhooks(
        self, organization_id: UUID, user_id: UUID | None, request: PageRequest, *, of_organization: bool
    ) -> list[Webhook]:
        """Return webhooks, oldest first.

        Args:
            organization_id: Their organization.
            user_id: The user whose webhooks are returned; None for those of no user.
            request: The page.
            of_organization: Whether to return the webhooks of the organization itself as well.
        """

    async def webhook(self, organization_id: UUID, webhook_id: UUID) -> Webhook | None:
        """Return a webhook, or None."""

    async def change_webhook(self, webhook_id: UUID, changes: Mapping[str, Any]) -> Webhook | None:
        """Set attributes of `Webhook`. Return the webhook afterwards; None if there is none."""

    async def delete_webhook(self, webhook_id: UUID) -> bool:
        """Delete a webhook and its deliveries. Return False if there is none."""

    async def add_delivery(self, delivery: Delivery, most: int) -> bool:
        """Store a requested delivery.

        Args:
            delivery: The delivery, which is not attempted yet.
            most: Requested deliveries that may wait for one webhook.

        Returns:
            False if that many wait already. Nothing is stored.
        """

    async def deliveries(self, webhook_id: UUID, status: DeliveryStatus | None, request: PageRequest) -> list[Delivery]:
        """Return deliveries, newest first."""

    async def delivery(self, webhook_id: UUID, delivery_id: UUID) -> Delivery | None:
        """Return a delivery, or None."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A webhook that is reserved for one deliverer until the lease expires. `owner_is_active`: its user is a manager still."""

    webhook: Webhook
    token: UUID
    owner_is_active: bool


@dataclass(frozen=True, slots=True)
class WebhookStatistics:
    """All webhooks at one time.

    `lag`: seconds for which the longest waiting webhook has been due without a deliverer. A webhook that waits for its retry or
    for the answer of its endpoint does not count: that is its endpoint's delay, not the service's.
    """

    webhooks: int
    failing: int
    disabled: int
    lag: float


class DeliveryQueue(Protocol):
    """Webhooks with something to deliver. Methods with a lease return False if it was lost: to a deletion or another process."""

    async def organizations(self) -> set[UUID]:
        """Return the organizations with a webhook that is not disabled."""

    async def lease(
        self, now: datetime, duration: timedelta, limit: int, organization_ids: Collection[UUID] | None = None
    ) -> list[Lease]:
        """Reserve webhooks with work, those that waited longest first.

        `duration`: how long, by the clock of the store, so that nodes need not agree on the time. `now`: to compare with due times.

        Work is: an event above the cursor that may be attempted now, or a requested delivery. What an expired lease has left
        behind is repaired: its started event delivery has failed, its started requested delivery waits again.

        Args:
            now: The time at which attempts are due and other leases have expired.
            until: The time at which these leases expire.
            limit: Webhooks to reserve at most.
            organization_ids: Only webhooks of these organizations; None for all.
        """

    async def requested(self, lease: Lease) -> Delivery | None:
        """Return the requested delivery that waits longest."""

    async def readable(self, user_id: UUID | None, channel_ids: Collection[UUID]) -> set[UUID]:
        """Return those channels that the user (None: every user of the organization) can read now, or could when deleted."""

    async def start(self, lease: Lease, delivery: Delivery, duration: timedelta) -> Delivery | None:
        """Store that an attempt starts, and extend the lease.

        Args:
            lease: The lease of its webhook.
            delivery: The attempt.
            until: The time at which the lease expires now.

        Returns:
            The delivery as stored, with the id of the planned attempt if there was one. None if the lease was lost.
        """

    async def move(self, lease: Lease, cursor: int, duration: timedelta) -> bool:
        """Set the cursor, end the attempts of the event before it, and extend the lease."""

    async def miss(self, lease: Lease, missed: Missed, duration: timedelta) -> bool:
        """Set the cursor behind these events, and store that they were purged before their delivery."""

    async def finish_requested(self, lease: Lease, delivery: Delivery, outcome: Outcome) -> bool:
        """Store the result of a requested delivery."""

    async def succeed(self, lease: Lease, delivery: Delivery, outcome: Outcome) -> bool:
        """Store the result of a successful event delivery: its event is the new cursor."""

    async def fail(
        self, lease: Lease, delivery: Delivery, outcome: Outcome, retry: Delivery | None, disabled: Disabled | None
    ) -> bool:
        """Store the result of a failed event delivery.

        Args:
            lease: The lease of its webhook.
            delivery: The attempt that failed.
            outcome: Its result.
            retry: The next attempt; None if there is none.
            disabled: Why the webhook is disabled by this failure; None if it is not.
        """

    async def disable(self, lease: Lease, because: Disabled, at: datetime) -> bool:
        """Disable the webhook."""

    async def release(self, lease: Lease, at: datetime) -> None:
        """End the lease, and repair what it leaves behind as `lease` does."""

    async def statistics(self, now: datetime) -> WebhookStatistics:
        """Return the statistics of all webhooks."""

    async def purge_deliveries(self, before: datetime, limit: int) -> int:
        """Delete up to `limit` finished deliveries that are older, oldest first. Return their number."""


class WebhookTransaction(Transaction, Protocol):
    """A transaction with the queue of deliveries."""

    @property
    def webhook_queue(self) -> DeliveryQueue: ...
