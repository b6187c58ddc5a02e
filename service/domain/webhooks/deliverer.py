"""Delivers events to webhooks, in the background.

    bus, or the check every few seconds ─▶ lease webhooks with work ─▶ one task per webhook: a turn ─▶ release

Each webhook has a task and a request of its own, so that a slow endpoint delays only itself. All nodes do this: a webhook is leased
to one at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from uuid import UUID

import structlog

from providers.base import Spawn
from service.domain.errors import Unavailable
from service.domain.webhooks.ports import Lease, WebhookStatistics
from service.domain.webhooks.turn import STORE_PAUSE, DeliveryPorts, LeaseLost, Turn
from service.domain.webhooks.webhook import DeliveryStatus, Outcome

log = structlog.get_logger(__name__)

GATHER = 0.02
"""Seconds from a wake-up to the query for work, so that a burst of events needs one."""

CLOSE_TIMEOUT = 3.0
"""Seconds that turns have to end after they are cancelled."""


class DeliveryCounts:
    """Outcomes since the start of this process, and the latest statistics of all webhooks."""

    def __init__(self) -> None:
        self.outcomes = dict.fromkeys((DeliveryStatus.SUCCESSFUL, DeliveryStatus.FAILED), 0)
        self.statistics: WebhookStatistics | None = None

    def note(self, outcome: Outcome) -> None:
        self.outcomes[outcome.status] += 1


class Deliverer:
    """Call `start` once, and `wake` for each commit (`CommitListener`)."""

    def __init__(self, ports: DeliveryPorts, counts: DeliveryCounts, spawn: Spawn) -> None:
        self._ports = ports
        self.counts = counts
        self._spawn = spawn
        self._wanted = asyncio.Event()
        self._organizations: set[UUID] = set()
        self._behind: set[UUID] = set()
        self._turns: dict[UUID, asyncio.Task[None]] = {}
        self._main: list[asyncio.Task[None]] = []
        self._closing = False

    def start(self) -> None:
        """Start the background tasks."""
        self._main = [
            self._spawn(self._run(), name="webhooks"),
            self._spawn(self._measure(), name="webhook statistics"),
            self._spawn(self._purge(), name="purge of webhook deliveries"),
        ]

    async def aclose(self) -> None:
        """Stop. Requests under way are cancelled, and repeated by the next process. Safe to call twice."""
        self._closing = True
        running = [*self._main, *self._turns.values()]
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=CLOSE_TIMEOUT)

    def wake(self, organization_id: UUID, _last_id: int) -> None:
        """Note that there are events. Organizations without webhooks cost nothing."""
        if organization_id in self._organizations:
            self._call_for(organization_id)

    def wake_for(self, organization_id: UUID) -> None:
        """Note that a webhook of the organization was changed, or a delivery requested."""
        self._organizations.add(organization_id)
        self._call_for(organization_id)

    def _call_for(self, organization_id: UUID) -> None:
        self._behind.add(organization_id)
        self._wanted.set()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        check_at = loop.time()
        while True:
            with suppress(Unavailable):
                if loop.time() >= check_at:
                    check_at = loop.time() + self._ports.limits.check_every
                    self._organizations = await self._ports.queue.organizations()
                    await self._lease(None)
                elif self._behind:
                    behind, self._behind = self._behind, set()
                    await self._lease(behind)
            self._wanted.clear()
            # Without room the end of a turn wakes this task: waking it now would spin.
            if self._behind and self._room():
                self._wanted.set()
            with suppress(TimeoutError):
                async with asyncio.timeout_at(check_at):
                    await self._wanted.wait()
                    await asyncio.sleep(GATHER)

    def _room(self) -> int:
        return self._ports.limits.turns - len(self._turns)

    async def _lease(self, organization_ids: set[UUID] | None) -> None:
        """Start a turn for each webhook with work, as far as there is room."""
        room = self._room()
        if room <= 0:
            self._behind |= organization_ids or set()
            return
        ports = self._ports
        for lease in await ports.queue.lease(ports.clock.now(), ports.duration, room, organization_ids):
            name = f"webhook {lease.webhook.id}"
            self._turns[lease.webhook.id] = self._spawn(self._turn(lease), name=name)

    async def _turn(self, lease: Lease) -> None:
        organization_id = lease.webhook.organization_id
        try:
            await Turn(self._ports, lease).run()
            self._behind.add(organization_id)  # events may have come meanwhile
        except LeaseLost:
            self._behind.add(organization_id)
        except Unavailable:
            log.warning("webhook turn interrupted: store unavailable", webhook=str(lease.webhook.id))
        except Exception:
            # One webhook must not stop the others. It is tried again at the next check.
            log.exception("webhook turn failed", webhook=str(lease.webhook.id))
        finally:
            await self._release(lease)
            self._turns.pop(lease.webhook.id, None)
            if self._behind:
                self._wanted.set()

    async def _release(self, lease: Lease) -> None:
        """End the lease, also after an outage of the store; otherwise its webhook would wait until it expires."""
        until = self._ports.clock.now() + self._ports.duration
        while True:
            try:
                return await self._ports.queue.release(lease, self._ports.clock.now())
            except Unavailable:
                if self._closing or self._ports.clock.now() >= until:
                    return
                await asyncio.sleep(STORE_PAUSE)

    async def _measure(self) -> None:
        await self._repeat(self._read_statistics, self._ports.limits.measure_every)

    async def _read_statistics(self) -> None:
        self.counts.statistics = await self._ports.queue.statistics(self._ports.clock.now())

    async def _purge(self) -> None:
        await self._repeat(self._purge_once, self._ports.limits.measure_every)

    async def _purge_once(self) -> None:
        limits = self._ports.limits
        before = self._ports.clock.now() - limits.kept
        deleted = limits.purge_batch
        while deleted == limits.purge_batch:
            deleted = await self._ports.queue.purge_deliveries(before, limits.purge_batch)
            await asyncio.sleep(GATHER)

    async def _repeat(self, work: Callable[[], Awaitable[None]], every: float) -> None:
        while True:
            with suppress(Unavailable):
                await work()
            await asyncio.sleep(every)
