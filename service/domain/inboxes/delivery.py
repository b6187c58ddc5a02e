"""Deliver stored events to the webhooks of inboxes.

    a change commits ─▶ wake ─▶ claim due events ─▶ one request each, several at once ─▶ delete the event, or try again, or give up

The contract has one attempt of five seconds. An inbox may ask for more. After the last one, the message of the event is marked as
failed. This change has no event of its own: the events of a broken receiver would never end. Events of one conversation are sent
in order. A slow receiver delays neither requests nor other inboxes.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid5

import structlog

from providers.base import Spawn
from service.clock import Clock
from service.domain.errors import Unavailable
from service.domain.inboxes.announcements import WebhookEvent
from service.domain.inboxes.entities import Delivery, Inbox, MessageStatus
from service.domain.inboxes.ports import InboxStore
from service.domain.outgoing import CallFailed, Outgoing

log = structlog.get_logger(__name__)

CHECK_EVERY = 1.0
"""Seconds between two checks for due events without a wake-up: other nodes store events, too."""

RETRY_DELAYS = (5, 30, 300, 1_800, 7_200)
"""Seconds before the second and each later attempt."""

DELIVERIES = UUID("b1d6b0a3-53b5-4a56-9c39-8f2d4a4e7f10")
"""The namespace of the ids that receivers see, which are the same for every attempt of an event."""

INTERRUPTED = "The delivery was interrupted."
OF_MESSAGES = (WebhookEvent.MESSAGE_CREATED, WebhookEvent.MESSAGE_UPDATED)


@dataclass(frozen=True, slots=True)
class DeliveryLimits:
    """`timeout`: seconds of one request. `claim`: seconds after which another process may take over an event."""

    timeout: float = 5.0
    claim: float = 30.0
    at_once: int = 32
    per_inbox: int = 8


@dataclass
class AttemptCounts:
    """Attempts of this process, and events that were given up."""

    successful: int = 0
    failed: int = 0
    given_up: int = 0


class InboxDeliveries:
    """Delivers events in the background. Call `start`, and `wake` after changes."""

    def __init__(
        self,
        store: InboxStore,
        outgoing: Outgoing,
        spawn: Spawn,
        clock: Clock,
        limits: DeliveryLimits | None = None,
    ) -> None:
        self._store = store
        self._outgoing = outgoing
        self._spawn = spawn
        self._clock = clock
        self._limits = limits or DeliveryLimits()
        self.counts = AttemptCounts()
        self._wanted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._running: dict[int, asyncio.Task[None]] = {}
        self._by_inbox: Counter[int] = Counter()

    def start(self) -> None:
        """Start the background task."""
        self._task = self._spawn(self._run(), name="inbox deliveries")

    async def aclose(self) -> None:
        """Stop. Requests that run are cancelled and count as attempts. Safe to call twice."""
        tasks = [each for each in (self._task, *self._running.values()) if each is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def wake(self) -> None:
        """Check for due events now."""
        self._wanted.set()

    async def _run(self) -> None:
        while True:
            self._wanted.clear()
            with suppress(Unavailable):
                await self._begin_due()
            with suppress(TimeoutError):
                async with asyncio.timeout(CHECK_EVERY):
                    await self._wanted.wait()

    async def _begin_due(self) -> None:
        free = self._limits.at_once - len(self._running)
        if free <= 0:
            return
        now = self._clock.now()
        until = now + timedelta(seconds=self._limits.claim)
        busy = {inbox for inbox, running in self._by_inbox.items() if running >= self._limits.per_inbox}
        async with self._store.transaction() as tx:
            claimed = await tx.inboxes.claim_deliveries(now, until, free, self._limits.per_inbox, busy)
        for delivery, inbox in claimed:
            self._by_inbox[inbox.id] += 1
            task = self._spawn(self._deliver(delivery, inbox), name=f"inbox delivery {delivery.id}")
            self._running[delivery.id] = task
            task.add_done_callback(lambda _, delivery=delivery: self._ended(delivery))  # type: ignore[misc]

    def _ended(self, delivery: Delivery) -> None:
        del self._running[delivery.id]
        self._by_inbox[delivery.inbox_id] -= 1
        self._wanted.set()  # the conversation's next event may be sent now

    async def _deliver(self, delivery: Delivery, inbox: Inbox) -> None:
        error = INTERRUPTED  # of an earlier attempt, whose outcome is unknown: the last one is not repeated
        if delivery.attempts <= inbox.webhook_attempts:
            error = await self._send(delivery, inbox)
            self.counts.successful += not error
            self.counts.failed += bool(error)
        if error:
            log.info("inbox webhook failed", inbox=inbox.id, webhook_event=delivery.event, reason=error)
        while True:
            try:
                await self._settle(delivery, inbox, error)
                self.counts.given_up += bool(error) and delivery.attempts >= inbox.webhook_attempts
                return
            except Unavailable:
                await asyncio.sleep(CHECK_EVERY)

    async def _send(self, delivery: Delivery, inbox: Inbox) -> str:
        """Send an event. Return what is wrong with the answer; empty for a success."""
        if not inbox.webhook_url:
            return ""
        body = delivery.body.encode()
        timestamp = str(int(self._clock.now().timestamp()))
        signed = hmac.new(inbox.webhook_secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256)
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "X-Chatwoot-Timestamp": timestamp,
            "X-Chatwoot-Delivery": str(uuid5(DELIVERIES, str(delivery.id))),
            "X-Chatwoot-Signature": f"sha256={signed.hexdigest()}",
        }
        try:
            answer = await self._outgoing.post(inbox.webhook_url, body, headers, self._limits.timeout)
        except CallFailed as failed:
            return failed.reason
        return "" if answer.is_success else f"The webhook answered with status {answer.status}."

    async def _settle(self, delivery: Delivery, inbox: Inbox, error: str) -> None:
        """Store the outcome of an attempt; `error` is empty for a success."""
        now = self._clock.now()
        async with self._store.transaction() as tx:
            if error and delivery.attempts < inbox.webhook_attempts:
                delay = RETRY_DELAYS[min(delivery.attempts, len(RETRY_DELAYS)) - 1]
                await tx.inboxes.postpone_delivery(delivery.id, now + timedelta(seconds=delay))
                return
            await tx.inboxes.remove_delivery(delivery.id)
            if not error or delivery.event not in OF_MESSAGES or delivery.message_id is None:
                return
            if delivery.conversation_id is not None:  # as all changes of a message lock it first
                await tx.inboxes.conversation_by_id(delivery.conversation_id, lock=True)
            message = await tx.inboxes.message_by_id(delivery.message_id)
            if message is not None:
                attributes = {**message.content_attributes, "external_error": error}
                values = {"status": MessageStatus.FAILED.value, "content_attributes": attributes, "updated_at": now}
                await tx.inboxes.change_message(message.id, values)
