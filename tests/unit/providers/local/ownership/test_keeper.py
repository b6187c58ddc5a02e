"""The claims of a node: kept by its heartbeat, given up in time, and changed without waiting."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from providers.base import Spawn
from providers.local.ownership.keeper import ClaimKeeper, NodeCutOff, NodeName
from providers.local.ownership.memory import MemoryOwnership
from providers.local.ownership.port import DEAD_AFTER, Claim, ClaimHeld, Membership, MembershipLost, Renewal
from service.concurrency.tasks import Tasks
from tests.clock import Clock
from tests.waiting import until

SHOW = "input-1"


class Registry(MemoryOwnership):
    """The twin, which a test can make unreachable."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock.unix, DEAD_AFTER)
        self.unreachable: set[str] = set()
        """Names of nodes that get no answer."""
        self.paused: asyncio.Event | None = None
        self.slow = asyncio.Event()
        """Clear to let changes of claims wait."""
        self.slow.set()
        self.renewal_takes = 0.0
        """Seconds."""
        self.claims = 0

    async def renew(self, member: Membership) -> Renewal:
        await asyncio.sleep(self.renewal_takes)
        if member.node in self.unreachable:
            raise ConnectionError("no answer")
        return await super().renew(member)

    async def claim(self, member: Membership, input_uid: str, uid: str) -> Claim:
        self.claims += 1
        claim = await super().claim(member, input_uid, uid)
        if self.paused is not None:
            await self.paused.wait()
        return claim

    async def note(self, claim: Claim, **given: Any) -> bool:
        await self.slow.wait()
        if self.unreachable:
            raise ConnectionError("no answer")
        return await super().note(claim, **given)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def registry(clock: Clock) -> Registry:
    return Registry(clock)


class Node:
    """A keeper and what it has reported."""

    def __init__(self, registry: Registry, name: str, spawn: Spawn, clock: Clock) -> None:
        self.keeper = ClaimKeeper(registry, NodeName(name), spawn, clock.monotonic)
        self.lost: list[str] = []
        self.cut_off = 0
        self.keeper.lost = self.lost.append
        self.keeper.cut_off = self._count

    def _count(self) -> None:
        self.cut_off += 1


@pytest.fixture
async def nodes(registry: Registry, tasks: Tasks, clock: Clock) -> AsyncIterator[tuple[Node, Node]]:
    """Two started nodes that know of each other."""
    both = Node(registry, "a", tasks.spawn, clock), Node(registry, "b", tasks.spawn, clock)
    for each in both:
        await each.keeper.start()
    await both[0].keeper.renew()
    yield both
    for each in both:
        await each.keeper.aclose()


async def stored(registry: Registry) -> tuple[str, bool] | None:
    """Return the node that carries the broadcast, and whether it is held."""
    found = await registry.carried(SHOW)
    return None if found is None else (found.node, found.held)


async def test_what_one_node_holds_another_cannot(nodes: tuple[Node, Node]) -> None:
    a, b = nodes
    await a.keeper.hold(SHOW)
    with pytest.raises(ClaimHeld):
        await b.keeper.hold(SHOW)


async def test_a_held_broadcast_is_claimed_once_for_many_encoders(nodes: tuple[Node, Node], registry: Registry) -> None:
    await asyncio.gather(*(nodes[0].keeper.hold(SHOW) for _ in range(20)))
    assert registry.claims == 1


async def test_changes_are_stored_without_waiting(nodes: tuple[Node, Node], registry: Registry) -> None:
    keeper = nodes[0].keeper
    await keeper.hold(SHOW)
    keeper.open(SHOW)
    assert await stored(registry) == ("a", True)
    await until(lambda: registry._running[SHOW].held is False)
    keeper.close(SHOW)
    await until(lambda: registry._running[SHOW].held is True)
    keeper.end(SHOW)
    await until(lambda: SHOW not in registry._running)


async def test_after_an_end_the_next_claim_begins_another_broadcast(
    nodes: tuple[Node, Node], registry: Registry
) -> None:
    keeper, uids = nodes[0].keeper, []
    for _ in range(3):
        await keeper.hold(SHOW)
        found = await registry.carried(SHOW)
        assert found is not None
        uids.append(found.claim.uid)
        keeper.end(SHOW)  # and at once the next encoder
    assert len(set(uids)) == 3


async def test_a_node_whose_broadcast_was_taken_over_learns_it_from_its_heartbeat(
    nodes: tuple[Node, Node], clock: Clock, registry: Registry
) -> None:
    a, b = nodes
    await a.keeper.hold(SHOW)
    await a.keeper.hold("input-2")
    clock.advance(DEAD_AFTER + 1)  # a pause
    await b.keeper.hold(SHOW)
    await a.keeper.renew()
    assert (a.lost, b.lost) == ([SHOW], [])
    a.keeper.end(SHOW)
    await asyncio.sleep(0)
    assert await stored(registry) == ("b", True)


async def test_a_thawed_encoder_is_too_late_if_another_node_was_faster(nodes: tuple[Node, Node]) -> None:
    a, b = nodes
    await a.keeper.hold(SHOW)
    a.keeper.open(SHOW)
    await until(lambda: not a.keeper._changes)
    await b.keeper.hold(SHOW)
    a.keeper.close(SHOW)
    await until(lambda: a.lost == [SHOW])


async def test_a_node_that_gets_no_answer_gives_up_before_it_counts_as_dead(
    nodes: tuple[Node, Node], registry: Registry, clock: Clock
) -> None:
    a, b = nodes
    await a.keeper.hold(SHOW)
    registry.unreachable.add("a")
    clock.advance(3.9)
    await a.keeper.renew()
    assert a.cut_off == 0
    clock.advance(0.1)
    await a.keeper.renew()
    assert a.cut_off == 1
    with pytest.raises(ClaimHeld):
        await b.keeper.hold(SHOW)
    with pytest.raises(NodeCutOff):
        await a.keeper.hold("input-2")
    clock.advance(10)
    await a.keeper.renew()
    assert a.cut_off == 1
    registry.unreachable.clear()
    await a.keeper.renew()
    await a.keeper.hold("input-2")
    assert a.lost == []


async def test_a_node_that_is_alone_goes_on_without_the_registry(
    registry: Registry, tasks: Tasks, clock: Clock
) -> None:
    node = Node(registry, "a", tasks.spawn, clock)
    await node.keeper.hold(SHOW)
    await node.keeper.renew()
    registry.unreachable.add("a")
    for _ in range(10):
        clock.advance(60)
        await node.keeper.renew()
    assert (node.cut_off, node.lost) == (0, [])
    registry.unreachable.clear()
    await node.keeper.renew()
    assert (node.cut_off, node.lost) == (0, [])


async def test_a_node_that_is_alone_waits_for_a_late_answer_after_an_outage(
    registry: Registry, tasks: Tasks, clock: Clock
) -> None:
    registry.dead_after = 0.5
    node = Node(registry, "a", tasks.spawn, clock)
    await node.keeper.hold(SHOW)
    clock.advance(60)
    registry.renewal_takes = 0.05
    await node.keeper.renew()
    assert not node.keeper._silent


async def test_a_node_that_has_met_another_is_cut_off_also_if_it_runs_alone_by_then(
    nodes: tuple[Node, Node], registry: Registry, clock: Clock
) -> None:
    a, b = nodes
    await a.keeper.hold(SHOW)
    clock.advance(DEAD_AFTER + 1)  # the other may be paused only
    await a.keeper.renew()
    assert a.keeper.has_peers
    registry.unreachable.add("a")
    clock.advance(4.0)
    await a.keeper.renew()
    assert a.cut_off == 1
    clock.advance(DEAD_AFTER)
    await b.keeper.hold(SHOW)
    assert await stored(registry) == ("b", True)


async def test_a_change_that_could_not_be_stored_is_stored_later(
    nodes: tuple[Node, Node], registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = nodes[0].keeper
    monkeypatch.setattr(registry, "dead_after", 0.05)
    await keeper.hold(SHOW)
    registry.unreachable.add("a")
    keeper.open(SHOW)
    await asyncio.sleep(0.02)
    assert await stored(registry) == ("a", True)
    registry.unreachable.clear()
    await until(lambda: registry._running[SHOW].held is False)


async def test_a_claim_whose_caller_was_cancelled_is_ended(nodes: tuple[Node, Node], registry: Registry) -> None:
    keeper = nodes[0].keeper
    registry.paused = asyncio.Event()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await keeper.hold(SHOW)
    assert await stored(registry) == ("a", True)
    await keeper.renew()
    await until(lambda: SHOW not in registry._running)


@pytest.mark.parametrize("learns_from", ["heartbeat", "change"])
async def test_a_broadcast_goes_on_under_a_claim_whose_caller_was_cancelled(
    nodes: tuple[Node, Node], registry: Registry, learns_from: str
) -> None:
    a, b = nodes
    await a.keeper.hold(SHOW)
    a.keeper.open(SHOW)
    await until(lambda: registry._running[SHOW].held is False)
    registry.paused = asyncio.Event()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await a.keeper.hold(SHOW)
    registry.paused = None
    if learns_from == "heartbeat":
        await a.keeper.renew()
    else:
        a.keeper.describe(SHOW, "{}")
    await until(lambda: registry._running[SHOW].held is False)
    assert a.lost == []
    await a.keeper.hold(SHOW)
    await a.keeper.renew()
    assert (a.lost, await stored(registry)) == ([], ("a", True))
    with pytest.raises(ClaimHeld):
        await b.keeper.hold(SHOW)


async def test_a_change_that_is_late_does_not_open_what_was_claimed_meanwhile(
    nodes: tuple[Node, Node], registry: Registry
) -> None:
    keeper = nodes[0].keeper
    await keeper.hold(SHOW)
    keeper.open(SHOW)
    await until(lambda: registry._running[SHOW].held is False)
    registry.paused = asyncio.Event()
    holding = asyncio.gather(keeper.hold(SHOW))
    await until(lambda: registry.claims == 2)
    keeper.describe(SHOW, "{}")  # under the claim before
    await until(lambda: not keeper._changes)
    registry.paused.set()
    await holding
    await until(lambda: not keeper._changes)
    assert (nodes[0].lost, await stored(registry)) == ([], ("a", True))


async def test_an_encoder_does_not_wait_for_the_changes_of_other_broadcasts(
    nodes: tuple[Node, Node], registry: Registry
) -> None:
    keeper = nodes[0].keeper
    await keeper.hold(SHOW)
    registry.slow.clear()
    keeper.open(SHOW)
    await until(lambda: not keeper._changes)
    async with asyncio.timeout(1):
        await keeper.hold("input-2")
    registry.slow.set()


async def test_a_claim_is_made_after_a_pause_of_the_machine(nodes: tuple[Node, Node], clock: Clock) -> None:
    clock.advance(3600)
    await nodes[0].keeper.hold(SHOW)


async def test_a_second_process_under_the_same_name_takes_everything(
    registry: Registry, tasks: Tasks, clock: Clock
) -> None:
    node = Node(registry, "a", tasks.spawn, clock)
    await node.keeper.hold(SHOW)
    await registry.join("a")
    with pytest.raises(MembershipLost):
        await node.keeper.renew()
    assert node.lost == [SHOW]


async def test_a_stop_stores_what_is_left_and_gives_everything_up(
    registry: Registry, tasks: Tasks, clock: Clock
) -> None:
    node = Node(registry, "a", tasks.spawn, clock)
    await node.keeper.start()
    for uid in (SHOW, "input-2"):
        await node.keeper.hold(uid)
    node.keeper.end("input-2")
    await node.keeper.aclose()
    assert [(each.claim.input_uid, each.alive) for each in await registry.running()] == [(SHOW, False)]
    assert await registry.nodes() == []
    await node.keeper.aclose()


async def test_broadcasts_of_a_former_run_that_are_not_continued_are_ended(
    registry: Registry, tasks: Tasks, clock: Clock
) -> None:
    former = Node(registry, "a", tasks.spawn, clock)
    other = Node(registry, "b", tasks.spawn, clock)
    for uid in (SHOW, "input-2"):
        await former.keeper.hold(uid)
    await other.keeper.hold("input-3")
    again = Node(registry, "a", tasks.spawn, clock)
    await again.keeper.hold(SHOW)
    await again.keeper.end_former()
    assert {each.claim.input_uid for each in await registry.running()} == {SHOW, "input-3"}
