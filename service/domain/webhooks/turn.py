"""A turn: what one webhook has to deliver, in order, until nothing is left, an attempt fails, or others should go first.

    requested deliveries ─▶ a page of the log after the cursor ─▶ each event that is subscribed to and readable: one attempt

Before and after each attempt the store is written, and no transaction is open in between. If the process dies, the lease expires,
and the next turn repeats the attempt with the same `webhook-id`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeVar
from uuid import UUID, uuid4

import structlog

from service.clock import Clock
from service.domain.errors import Unavailable
from service.domain.events.event import Action, Event, Scope
from service.domain.events.ports import EventLog, Transactions
from service.domain.identifiers import UUID_FORM
from service.domain.outgoing import Outgoing
from service.domain.webhooks.attempt import GONE, attempt
from service.domain.webhooks.limits import DeliveryLimits
from service.domain.webhooks.ports import DeliveryQueue, Lease, WebhookTransaction
from service.domain.webhooks.signature import message_id, ping_id
from service.domain.webhooks.webhook import Delivery, DeliveryStatus, Disabled, Missed, Outcome, Webhook, WebhookChanged

log = structlog.get_logger(__name__)

NOT_READABLE = "The event is no longer in the log, or the webhook's user can no longer read it."
STORE_PAUSE = 0.5
"""Seconds until a result is stored again after the store was unavailable."""

T = TypeVar("T")


class LeaseLost(Exception):
    """The webhook was changed or deleted, or another process delivers for it."""


@dataclass(frozen=True, slots=True)
class Payloads:
    """The bodies of requests, as JSON. The same event always has the same body."""

    event: Callable[[Event], str]
    ping: Callable[[Webhook, Delivery], str]


@dataclass(frozen=True, slots=True)
class DeliveryPorts:
    """What all turns use. `note` counts an outcome."""

    queue: DeliveryQueue
    transactions: Transactions[WebhookTransaction]
    log: EventLog
    outgoing: Outgoing
    payloads: Payloads
    limits: DeliveryLimits
    clock: Clock
    note: Callable[[Outcome], None]

    @property
    def duration(self) -> timedelta:
        """How long a lease holds from its last extension."""
        return timedelta(seconds=self.limits.lease)


class Turn:
    """One turn of the webhook of a lease."""

    def __init__(self, ports: DeliveryPorts, lease: Lease) -> None:
        self._ports = ports
        self._lease = lease
        self._webhook = lease.webhook
        self._ends_at = ports.clock.now() + timedelta(seconds=ports.limits.turn)
        self.cursor = lease.webhook.last_event_id
        """Everything up to this event is done."""

    async def run(self) -> None:
        """Deliver until the end of the turn.

        Raises:
            LeaseLost: The webhook is no longer this turn's.
            Unavailable: The store does not answer.
        """
        if not self._lease.owner_is_active:
            await self._disable(Disabled.OWNER_REMOVED)
            return
        while self._has_time():
            await self._deliver_requested()
            if not self._may_deliver_events() or not await self._deliver_page():
                return

    def _has_time(self) -> bool:
        return self._ports.clock.now() < self._ends_at

    def _may_deliver_events(self) -> bool:
        due = self._webhook.next_attempt_at
        return self._webhook.disabled is None and (due is None or due <= self._ports.clock.now())

    async def _deliver_page(self) -> bool:
        """Deliver the next events. Return whether to go on."""
        organization_id, limit = self._webhook.organization_id, self._ports.limits.page
        head = (await self._ports.log.heads([organization_id]))[organization_id]
        if head.first_id - 1 > self.cursor:
            await self._miss(head.first_id - 1)
        page = await self._ports.log.events(organization_id, self.cursor, limit)
        stored = self.cursor
        for event in page:
            if any(each.matches(event) for each in self._webhook.subscriptions) and await self._may_see(event):
                if self.cursor != stored:
                    await self._pass_by()
                if not await self._deliver(event) or not self._has_time():
                    return False
                stored = event.id
            self.cursor = event.id
        if len(page) < limit:
            self.cursor = max(self.cursor, head.last_id)  # numbers may be missing at the end
        if self.cursor != stored:
            await self._pass_by()
        return len(page) == limit

    async def _pass_by(self) -> None:
        """Store the cursor, behind events that are not subscribed to."""
        _held(await self._ports.queue.move(self._lease, self.cursor, self._ports.duration))
        self._webhook = replace(self._webhook, retry_index=0, next_attempt_at=None)

    async def _miss(self, last: int) -> None:
        """Store that the events after the cursor were purged, and continue behind them."""
        missed = Missed(self.cursor + 1, last)
        log.warning("webhook missed purged events", webhook=str(self._webhook.id), first=missed.first, last=last)
        self._webhook = replace(self._webhook, retry_index=0, next_attempt_at=None, missed=missed)
        async with self._ports.transactions.transaction() as tx:
            _held(await tx.webhook_queue.miss(self._lease, missed, self._ports.duration))
            tx.record(WebhookChanged(self._webhook, ("missed_events",)))
        self.cursor = last

    async def _deliver(self, event: Event) -> bool:
        """Attempt to deliver an event. Return whether it was successful."""
        delivery = await self._started(event.id, self._webhook.retry_index)
        body = self._ports.payloads.event(event)
        outcome = await self._attempt(message_id(event.organization_id, event.id), body)
        if outcome.status is DeliveryStatus.SUCCESSFUL:
            _held(await self._stored(lambda: self._ports.queue.succeed(self._lease, delivery, outcome)))
            self._webhook = replace(self._webhook, retry_index=0, next_attempt_at=None)
            self.cursor = event.id
            return True
        retry, disabled = self._after_failure(delivery, outcome)
        _held(await self._stored(lambda: self._failed(delivery, outcome, retry, disabled)))
        return False

    async def _failed(
        self, delivery: Delivery, outcome: Outcome, retry: Delivery | None, disabled: Disabled | None
    ) -> bool:
        async with self._ports.transactions.transaction() as tx:
            held = await tx.webhook_queue.fail(self._lease, delivery, outcome, retry, disabled)
            if held and disabled is not None:
                tx.record(self._disabled(disabled))
        return held

    def _disabled(self, because: Disabled) -> WebhookChanged:
        log.warning("webhook disabled", webhook=str(self._webhook.id), because=because.value)
        return WebhookChanged(replace(self._webhook, disabled=because), ("is_enabled", "disabled_because"))

    def _after_failure(self, delivery: Delivery, outcome: Outcome) -> tuple[Delivery | None, Disabled | None]:
        """Return the next attempt, or the reason why there is none."""
        if outcome.response_status == GONE:
            return None, Disabled.GONE
        delays = self._ports.limits.retry_after
        if delivery.retry_index >= len(delays):
            return None, Disabled.FAILING
        at = outcome.finished_at
        return Delivery(
            uuid4(),
            delivery.webhook_id,
            delivery.event_id,
            retry_index=delivery.retry_index + 1,
            is_requested=False,
            created_at=at,
            next_attempt_at=at + timedelta(seconds=delays[delivery.retry_index]),
        ), None

    async def _deliver_requested(self) -> None:
        """Deliver what clients requested: one attempt each, whatever the state of the webhook."""
        while self._has_time() and (delivery := await self._ports.queue.requested(self._lease)) is not None:
            started = replace(delivery, status=DeliveryStatus.STARTED, started_at=self._ports.clock.now())
            if await self._ports.queue.start(self._lease, started, self._ports.duration) is None:
                raise LeaseLost
            outcome = await self._outcome_of(delivery)
            await self._stored(lambda: self._ports.queue.finish_requested(self._lease, started, outcome))  # noqa: B023

    async def _outcome_of(self, requested: Delivery) -> Outcome:
        if requested.event_id is None:
            return await self._attempt(ping_id(requested.id), self._ports.payloads.ping(self._webhook, requested))
        found = await self._ports.log.events(self._webhook.organization_id, requested.event_id - 1, 1)
        if not found or found[0].id != requested.event_id or not await self._may_see(found[0]):
            return Outcome(DeliveryStatus.FAILED, self._ports.clock.now(), 0.0, error=NOT_READABLE)
        id_ = message_id(self._webhook.organization_id, requested.event_id)
        return await self._attempt(id_, self._ports.payloads.event(found[0]))

    async def _started(self, event_id: int, retry_index: int) -> Delivery:
        now = self._ports.clock.now()
        delivery = Delivery(
            uuid4(),
            self._webhook.id,
            event_id,
            retry_index,
            is_requested=False,
            created_at=now,
            started_at=now,
            status=DeliveryStatus.STARTED,
        )
        started = await self._ports.queue.start(self._lease, delivery, self._ports.duration)
        if started is None:
            raise LeaseLost
        return started

    async def _attempt(self, id_: str, body: str) -> Outcome:
        ports = self._ports
        outcome = await attempt(ports.outgoing, self._webhook, id_, body, ports.limits.timeout, ports.clock)
        ports.note(outcome)
        return outcome

    async def _stored(self, store: Callable[[], Awaitable[T]]) -> T:
        """Store a result, again and again while the store is unavailable and the lease holds: else the request is repeated."""
        until = self._ports.clock.now() + self._ports.duration
        while True:
            try:
                return await store()
            except Unavailable:
                if self._ports.clock.now() >= until:
                    raise
                await asyncio.sleep(STORE_PAUSE)

    async def _disable(self, because: Disabled) -> None:
        async with self._ports.transactions.transaction() as tx:
            _held(await tx.webhook_queue.disable(self._lease, because, self._ports.clock.now()))
            tx.record(self._disabled(because))

    async def _may_see(self, event: Event) -> bool:
        """Return whether the webhook may see the event, by the rights of this moment."""
        user_id, channel_id = self._webhook.user_id, _channel_of(event)
        channels = set() if channel_id is None else await self._ports.queue.readable(user_id, [channel_id])
        return _is_readable(event, user_id, channel_id, channels)


def _is_readable(event: Event, user_id: UUID | None, channel_id: UUID | None, channels: set[UUID]) -> bool:
    """Return whether a webhook with the view of `user_id` may see an event of the channel, given the channels that it can read."""
    if "{" in event.channel:  # the view of each user, such as their joined channels
        return False
    match event.audience.scope:
        case Scope.PUBLIC:
            return True
        case Scope.ORGANIZATION:
            # What is removed has only an id: a public channel that became private is removed from this audience's view.
            return channel_id is None or channel_id in channels or event.action is Action.REMOVED
        case Scope.MEMBERS:
            return channel_id in channels
        case Scope.USER:
            return user_id is not None and event.audience.subject == user_id


def _channel_of(event: Event) -> UUID | None:
    """Return the channel whose readers may see the event. A public channel may have become private since."""
    if event.audience.scope is Scope.MEMBERS:
        return event.audience.subject
    if event.audience.scope is not Scope.ORGANIZATION:
        return None
    written = event.channel.partition("/channels/")[2].partition("/")[0]
    if event.channel.endswith("/channels"):
        written = event.resource_id
    elif not written:
        written = str((event.resource or {}).get("channel_id", ""))
    return UUID(written) if UUID_FORM.fullmatch(written) else None


def _held(held: bool) -> None:
    if not held:
        raise LeaseLost
