"""Webhooks through outages: of the receiver, of the service and of the database. Everything arrives, in order, once each by id."""

from __future__ import annotations

import asyncio
import gc
import warnings
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from service.api.changes import describe
from service.clock import SystemClock
from service.concurrency.tasks import Tasks
from service.domain.entities import Organization
from service.domain.errors import Unavailable
from service.domain.events.event import Action, Audience, NewEvent, Scope
from service.domain.paging import PageRequest
from service.domain.webhooks.deliverer import Deliverer
from service.domain.webhooks.limits import DeliveryLimits
from service.domain.webhooks.signature import new_secret
from service.domain.webhooks.webhook import DeliveryStatus, Disabled, Subscription, Webhook
from service.events.bus import MemoryBus
from service.outgoing.client import OutgoingClient
from service.store import Store
from service.wiring.webhooks import make_deliverer
from tests import servers
from tests.contract.conversation import user_of
from tests.receiver import LOOPBACK, Receiver, answer, answering, break_off, hang, receiving, slowly
from tests.waiting import until

SCALE = 600.0
"""Ten minutes of an outage last one second here, and so do ten minutes between two attempts."""

LIMITS = DeliveryLimits(
    timeout=0.3,
    retry_after=tuple(delay / SCALE for delay in DeliveryLimits().retry_after),
    lease=1.5,
    check_every=0.1,
    page=10,
)

OUTAGE = 10 * 60 / SCALE


@dataclass
class Node:
    """A process of the service, as far as webhooks are concerned."""

    url: str
    limits: DeliveryLimits = LIMITS
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    _failures: list[BaseException] = field(default_factory=list)

    async def start(self) -> Node:
        self.store = Store(self.url, describe)
        self.tasks = Tasks(on_failure=self._failures.append)
        outgoing = OutgoingClient(LOOPBACK)
        bus = MemoryBus()
        self.store.on_commit(bus.publish)
        self.deliverer: Deliverer = make_deliverer(self.store, outgoing, self.limits, SystemClock(), self.tasks.spawn)
        bus.listen(self.deliverer.wake)
        for close in (self.store.aclose, outgoing.aclose, self.tasks.aclose, self.deliverer.aclose):
            self._stack.push_async_callback(close)
        self.deliverer.start()
        return self

    async def stop(self) -> None:
        await self._stack.aclose()
        assert self._failures == []

    async def kill(self) -> None:
        """Take the store away first, so that nothing can be written any more: leases and started deliveries stay as they are."""
        with warnings.catch_warnings():
            # The connections that were in use are dropped, not closed.
            warnings.simplefilter("ignore", ResourceWarning)
            await self.store.aclose()
            await self.stop()
            gc.collect()

    async def post(self, organization_id: UUID, number: int) -> None:
        event = NewEvent(
            organization_id,
            f"/api/pub/v1/orgs/{organization_id}/things",
            Action.ADDED,
            str(number),
            {"id": number},
            Audience(Scope.ORGANIZATION),
        )
        async with self.store.transaction() as tx:
            tx.append(event)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(f"migrated_{request.param}"))


@asynccontextmanager
async def running(url: str, limits: DeliveryLimits = LIMITS) -> AsyncIterator[Node]:
    node = await Node(url, limits).start()
    try:
        yield node
    finally:
        await node.stop()


async def organization_in(store: Store) -> UUID:
    organization = Organization(uuid4(), "Acme", datetime.now(UTC))
    await store.directory.add_user(organization, user_of(organization.id))
    return organization.id


async def hook(store: Store, organization_id: UUID, receiver: Receiver, pattern: str = "/**") -> Webhook:
    now = datetime.now(UTC)
    webhook = Webhook(uuid4(), organization_id, None, receiver.url, (Subscription(pattern),), new_secret(), now, now)
    assert await store.webhooks.add_webhook(webhook, 100)
    return webhook


def numbers(receiver: Receiver, start: int = 0) -> list[int]:
    """Return the number of the event in each request from `start` on."""
    return [int(each.message["resource_id"]) for each in receiver.received[start:]]


def first_times(receiver: Receiver) -> list[int]:
    """Return the numbers of the events, in the order in which each was first received."""
    return list(dict.fromkeys(numbers(receiver)))


async def cursor(store: Store, webhook: Webhook) -> int:
    found = await store.webhooks.webhook(webhook.organization_id, webhook.id)
    assert found is not None
    return found.last_event_id


async def test_after_an_outage_everything_arrives_in_order_and_nobody_else_waited(url: str) -> None:
    """The receiver dies, hangs, fails, breaks off and answers slowly, two minutes each; then it is well again."""
    async with running(url) as node, receiving() as ill, receiving() as well, receiving() as stuck:
        organization_id = await organization_in(node.store)
        stuck.behaviour = hang
        webhook = await hook(node.store, organization_id, ill)
        for receiver in (well, stuck):
            await hook(node.store, organization_id, receiver)
        number = 0

        async def go_on(seconds: float) -> None:
            nonlocal number
            ends = asyncio.get_running_loop().time() + seconds
            while asyncio.get_running_loop().time() < ends:
                number += 1
                await node.post(organization_id, number)
                await asyncio.sleep(0.01)

        await go_on(OUTAGE / 5)
        await ill.stop()
        await go_on(OUTAGE / 5)
        await ill.start()
        for behaviour in (hang, answering(500), break_off, slowly(0.1)):
            ill.behaviour = behaviour
            await go_on(OUTAGE / 5)
        await until(lambda: first_times(well) == list(range(1, number + 1)))
        # A busy machine may exceed the short timeout of this test: then the same event is sent again.
        assert len({each.message["id"] for each in well.received}) == number
        ill.behaviour = answer
        await until(lambda: first_times(ill) == list(range(1, number + 1)))
        ids = {(each.id, each.message["id"]) for each in ill.received}
        assert len(ids) == number, "the id of an event is the same at every attempt"
        assert all(each.is_signed_by(webhook.secret) for each in ill.received)


async def test_nothing_is_lost_when_the_service_is_killed_in_a_delivery(url: str) -> None:
    node = await Node(url).start()
    async with receiving() as receiver:
        organization_id = await organization_in(node.store)
        await hook(node.store, organization_id, receiver)
        for number in range(1, 6):
            receiver.behaviour = hang
            before = len(receiver.received)
            await node.post(organization_id, number)
            await until(lambda: len(receiver.received) > before)  # noqa: B023
            await node.kill()
            receiver.behaviour = answer
            before = len(receiver.received)
            node = await Node(url).start()
            await until(lambda: number in numbers(receiver, before))  # noqa: B023
        assert first_times(receiver) == [1, 2, 3, 4, 5]
    await node.stop()


async def test_nothing_is_lost_when_the_database_restarts(
    postgres_server: servers.PostgresServer, migrated_postgresql: str
) -> None:
    async with running(migrated_postgresql) as node, receiving() as receiver:
        organization_id = await organization_in(node.store)
        await hook(node.store, organization_id, receiver)
        receiver.behaviour = slowly(0.02)
        written = []
        for number in range(1, 61):
            if number in (20, 40):
                await asyncio.to_thread(postgres_server.stop)
                await asyncio.to_thread(postgres_server.start)
            try:
                await node.post(organization_id, number)
            except Unavailable:
                continue
            written.append(number)
        stored = [int(each.resource_id) for each in await node.store.events.events(organization_id, 0, 1000)]
        assert set(written) <= set(stored)
        await until(lambda: first_times(receiver) == stored)


async def test_two_nodes_share_the_deliveries(migrated_postgresql: str) -> None:
    async with AsyncExitStack() as stack:
        limits = DeliveryLimits(turns=4, check_every=0.1)  # patient, so that no delivery is sent twice
        nodes = [await stack.enter_async_context(running(migrated_postgresql, limits)) for _ in range(2)]
        receivers = [await stack.enter_async_context(receiving()) for _ in range(8)]
        organization_id = await organization_in(nodes[0].store)
        for receiver in receivers:
            receiver.behaviour = slowly(0.005)
            await hook(nodes[0].store, organization_id, receiver)
        for number in range(1, 41):
            await nodes[number % 2].post(organization_id, number)
        for receiver in receivers:
            await until(lambda: len(first_times(receiver)) >= 40)  # noqa: B023
            assert first_times(receiver) == list(range(1, 41))
            assert len(receiver.received) == 40

        def delivered() -> list[int]:
            return [node.deliverer.counts.outcomes[DeliveryStatus.SUCCESSFUL] for node in nodes]

        await until(lambda: sum(delivered()) == 40 * len(receivers))
        assert min(delivered()) > 0


async def test_a_killed_node_is_replaced_by_the_other(migrated_postgresql: str) -> None:
    first, second = await Node(migrated_postgresql).start(), await Node(migrated_postgresql).start()
    async with receiving() as receiver:
        organization_id = await organization_in(first.store)
        await hook(first.store, organization_id, receiver)
        receiver.behaviour = slowly(0.02)
        for number in range(1, 11):
            await second.post(organization_id, number)
        await until(lambda: len(receiver.received) >= 3)
        await first.kill()
        await until(lambda: first_times(receiver) == list(range(1, 11)))
    await second.stop()


async def test_a_slow_endpoint_does_not_keep_its_place(url: str) -> None:
    """With room for one webhook at a time, each has its turn."""
    limits = DeliveryLimits(turns=1, turn=0.05, check_every=0.05)
    async with running(url, limits) as node, receiving() as slow, receiving() as quick:
        organization_id = await organization_in(node.store)
        slow.behaviour = slowly(0.03)
        for receiver in (slow, quick):
            await hook(node.store, organization_id, receiver)
        for number in range(1, 31):
            await node.post(organization_id, number)
        await until(lambda: len(quick.received) == 30)
        await until(lambda: len(slow.received) == 30)
        assert first_times(slow) == first_times(quick) == list(range(1, 31))


async def test_events_that_are_not_subscribed_to_move_the_cursor(url: str) -> None:
    async with running(url) as node, receiving() as receiver:
        organization_id = await organization_in(node.store)
        webhook = await hook(node.store, organization_id, receiver, "/api/elsewhere")
        for number in range(1, 26):
            await node.post(organization_id, number)
        while await cursor(node.store, webhook) < 25:  # noqa: ASYNC110 - the store has no event
            await asyncio.sleep(0.01)
        assert receiver.received == []


async def test_a_webhook_that_is_deleted_in_a_delivery_stays_deleted(url: str) -> None:
    async with running(url) as node, receiving() as receiver:
        organization_id = await organization_in(node.store)
        receiver.behaviour = slowly(0.1)
        webhook = await hook(node.store, organization_id, receiver)
        await node.post(organization_id, 1)
        await until(lambda: len(receiver.received) == 1)
        assert await node.store.webhooks.delete_webhook(webhook.id)
        await asyncio.sleep(0.2)
        assert await node.store.webhooks.webhook(organization_id, webhook.id) is None
        assert await node.store.webhook_queue.organizations() == set()


async def test_a_failing_webhook_is_disabled_after_its_last_attempt(url: str) -> None:
    limits = DeliveryLimits(retry_after=(0.01,) * 9, check_every=0.05)
    async with running(url, limits) as node, receiving() as receiver:
        organization_id = await organization_in(node.store)
        receiver.behaviour = answering(500)
        webhook = await hook(node.store, organization_id, receiver)
        await node.post(organization_id, 1)
        found = await node.store.webhooks.webhook(organization_id, webhook.id)
        while found is not None and found.disabled is None:
            found = await node.store.webhooks.webhook(organization_id, webhook.id)
        assert found is not None and found.disabled is Disabled.FAILING
        assert len(receiver.received) == 10


async def test_statistics_count_what_waits_and_old_deliveries_are_purged(url: str) -> None:
    limits = DeliveryLimits(retry_after=(60.0,), check_every=0.05, measure_every=0.05)
    async with running(url, limits) as node, receiving() as receiver:
        organization_id = await organization_in(node.store)
        receiver.behaviour = answering(500)
        webhook = await hook(node.store, organization_id, receiver)
        await node.post(organization_id, 1)
        counts = node.deliverer.counts
        await until(
            lambda: counts.statistics is not None and (counts.statistics.failing, counts.statistics.lag) == (1, 0.0)
        )
        queue = node.store.webhook_queue
        assert await queue.purge_deliveries(webhook.created_at, 10) == 0
        assert await queue.purge_deliveries(datetime.now(UTC), 10) == 1, "not the one that waits"
        left = await node.store.webhooks.deliveries(webhook.id, None, PageRequest(10))
        assert [(each.status, each.retry_index) for each in left] == [(DeliveryStatus.PENDING, 1)]


async def test_the_lag_is_the_services_and_not_that_of_an_endpoint(url: str) -> None:
    async with running(url) as node, receiving() as receiver:
        organization_id = await organization_in(node.store)
        webhook = await hook(node.store, organization_id, receiver)
        await node.deliverer.aclose()
        await node.post(organization_id, 1)
        queue = node.store.webhook_queue
        soon = datetime.now(UTC) + timedelta(seconds=90)
        assert 80 < (await queue.statistics(soon)).lag < 120, "no process takes the delivery"
        (lease,) = await queue.lease(datetime.now(UTC), timedelta(minutes=1), 1)
        assert (await queue.statistics(soon)).lag == 0.0, "its endpoint has it"
        assert await queue.lease(datetime.now(UTC) + timedelta(hours=1), timedelta(minutes=1), 1) == [], (
            "a node whose clock is fast takes no lease of another"
        )
        await queue.release(lease, soon)
        assert (await queue.statistics(soon)).lag == 0.0, "it waits since the end of the last turn"
        assert 50 < (await queue.statistics(soon + timedelta(minutes=1))).lag < 70
        assert lease.webhook.id == webhook.id


def test_the_delays_are_those_of_the_documentation() -> None:
    minute, hour, day = 60, 3600, 86_400
    expected = (5, 5 * minute, 30 * minute, 2 * hour, 5 * hour, 10 * hour, day, day, day)
    assert DeliveryLimits().retry_after == expected
    assert DeliveryLimits().lease > DeliveryLimits().timeout
