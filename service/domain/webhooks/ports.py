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

        Returns:
            Up to `request.size` + 1 webhooks, nearest to the anchor first (see `paging.cut`).
        """

    async def webhook(self, organization_id: UUID, webhook_id: UUID) -> Webhook | None:
        """Return a webhook.

        Returns:
            None if the organization has no such webhook.
        """

    async def change_webhook(self, webhook_id: UUID, changes: Mapping[str, Any]) -> Webhook | None:
        """Set attributes of a webhook, and end its lease: a delivery that is under way cannot set the cursor.

        Args:
            webhook_id: The webhook.
            changes: New values by the name of the attribute of `Webhook`.

        Returns:
            The webhook after the change; None if there is none.
        """

    async def delete_webhook(self, webhook_id: UUID) -> bool:
        """Delete a webhook and its deliveries.

        Returns:
            False if there is no such webhook.
        """

    async def add_delivery(self, delivery: Delivery, most: int) -> bool:
        """Store a requested delivery.

        Args:
            delivery: The delivery, which is not attempted yet.
            most: Requested deliveries that may wait for one webhook.

        Returns:
            False if that many wait already, or the webhook was deleted. Nothing is stored.
        """

    async def deliveries(self, webhook_id: UUID, status: DeliveryStatus | None, request: PageRequest) -> list[Delivery]:
        """Return deliveries of a webhook, newest first.

        Args:
            webhook_id: The webhook.
            status: Only deliveries with this status; None for all.
            request: The page.

        Returns:
            Up to `request.size` + 1 deliveries, nearest to the anchor first (see `paging.cut`).
        """

    async def delivery(self, webhook_id: UUID, delivery_id: UUID) -> Delivery | None:
        """Return a delivery.

        Returns:
            None if the webhook has no such delivery.
        """


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
    """Webhooks with something to deliver. A lease is lost to another process, or if its webhook is changed or deleted."""

    async def organizations(self) -> set[UUID]:
        """Return the organizations with webhooks to deliver to.

        Returns:
            The ids of those with a webhook that is not disabled.
        """

    async def lease(
        self, now: datetime, duration: timedelta, limit: int, organization_ids: Collection[UUID] | None = None
    ) -> list[Lease]:
        """Reserve webhooks with work, those that waited longest first.

        Work is: an event above the cursor that may be attempted now, or a requested delivery. What an expired lease has left
        behind is repaired: its started event delivery has failed, its started requested delivery waits again.

        Args:
            now: The time that due times are compared with.
            duration: How long the leases last, by the clock of the store, so that nodes need not agree on the time.
            limit: Webhooks to reserve at most.
            organization_ids: Only webhooks of these organizations; None for all.

        Returns:
            A lease for each reserved webhook; empty if there is no work.
        """

    async def requested(self, lease: Lease) -> Delivery | None:
        """Return the requested delivery that waits longest.

        Args:
            lease: The lease of its webhook.

        Returns:
            None if no requested delivery waits.
        """

    async def readable(self, user_id: UUID | None, channel_ids: Collection[UUID]) -> set[UUID]:
        """Find the channels whose events a webhook may receive.

        Args:
            user_id: The user whose view the webhook has; None for what every user of the organization can read.
            channel_ids: The channels to check.

        Returns:
            Those channels that can be read now, or could when they were deleted.
        """

    async def start(self, lease: Lease, delivery: Delivery, duration: timedelta) -> Delivery | None:
        """Store that an attempt starts, and extend the lease.

        Args:
            lease: The lease of its webhook.
            delivery: The attempt.
            duration: How long the lease lasts from now on, by the clock of the store.

        Returns:
            The delivery as stored, with the id of the planned attempt if there was one. None if the lease was lost.
        """

    async def move(self, lease: Lease, cursor: int, duration: timedelta) -> bool:
        """Set the cursor, end the attempts of the event before it, and extend the lease.

        Args:
            lease: The lease of the webhook.
            cursor: The id of the last event that needs no delivery any more.
            duration: As in `start`.

        Returns:
            False if the lease was lost: the cursor is not set.
        """

    async def miss(self, lease: Lease, missed: Missed, duration: timedelta) -> bool:
        """Set the cursor behind events, and store that they were purged before their delivery.

        Args:
            lease: The lease of the webhook.
            missed: The ids of these events.
            duration: As in `start`.

        Returns:
            False if the lease was lost: the cursor is not set.
        """

    async def finish_requested(self, lease: Lease, delivery: Delivery, outcome: Outcome) -> bool:
        """Store the result of a requested delivery.

        Args:
            lease: The lease of its webhook. The result is stored even if it was lost.
            delivery: The attempt.
            outcome: Its result.

        Returns:
            False if the delivery has been deleted.
        """

    async def succeed(self, lease: Lease, delivery: Delivery, outcome: Outcome) -> bool:
        """Store the result of a successful event delivery: its event is the new cursor.

        Args:
            lease: The lease of its webhook.
            delivery: The attempt.
            outcome: Its result.

        Returns:
            False if the lease was lost: the result is stored, but the cursor is not set.
        """

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

        Returns:
            False if the lease was lost: the result is stored, but nothing else.
        """

    async def disable(self, lease: Lease, because: Disabled, at: datetime) -> bool:
        """Disable the webhook.

        Args:
            lease: The lease of the webhook.
            because: The reason.
            at: The webhook's new `updated_at`.

        Returns:
            False if the lease was lost; nothing is changed then.
        """

    async def release(self, lease: Lease, at: datetime) -> None:
        """End the lease, and repair what it leaves behind as `lease` does. Do nothing if it was lost.

        Args:
            lease: The lease.
            at: The end of the webhook's turn: those whose turn ended earlier are leased before it.
        """

    async def statistics(self, now: datetime) -> WebhookStatistics:
        """Return the statistics of all webhooks.

        Args:
            now: The time that `WebhookStatistics.lag` is measured at.
        """

    async def purge_deliveries(self, before: datetime, limit: int) -> int:
        """Delete old finished deliveries, oldest first.

        Args:
            before: Deliveries that were created before this time are deleted.
            limit: The most deliveries to delete.

        Returns:
            The number of deleted deliveries; 0 when none is older.
        """


class WebhookTransaction(Transaction, Protocol):
    """A transaction with the queue of deliveries."""

    @property
    def webhook_queue(self) -> DeliveryQueue: ...
