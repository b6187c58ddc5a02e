"""What nodes may expect of the registry of broadcasts, on the twin and on the real one over both databases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from freezegun import freeze_time
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from providers.local.ownership.memory import MemoryOwnership
from providers.local.ownership.port import (
    Claim,
    ClaimHeld,
    HeartbeatOverdue,
    Membership,
    MembershipLost,
    Ownership,
)
from service.store import Store
from service.store.ownership import StoredOwnership
from service.store.ownership_tables import broadcasts, nodes
from tests.clock import Clock
from tests.contract.stores import opened_store

DEAD_AFTER = 60.0
"""Seconds: on a busy machine, no node of these tests may die by itself."""

SHOW = "input-1"
URL = "http://10.0.0.1:8080"


@dataclass
class Registry:
    """One registry over two connections of their own, and its time."""

    first: Ownership
    second: Ownership
    wait: Callable[[float], Awaitable[None]]


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
async def registry(request: pytest.FixtureRequest) -> AsyncIterator[Registry]:
    if request.param == "memory":
        clock = Clock()
        twin = MemoryOwnership(clock.unix, DEAD_AFTER)

        async def pass_time(seconds: float) -> None:
            clock.advance(seconds)

        yield Registry(twin, twin, pass_time)
        return
    async with AsyncExitStack() as stack:
        first = second = await stack.enter_async_context(opened_store(request.param, request))
        if request.param == "postgresql":  # one process alone may open a SQLite file: there they share a pool
            second = await stack.enter_async_context(opened_store(request.param, request))
        ports = [StoredOwnership(each.database, DEAD_AFTER) for each in (first, second)]
        yield Registry(*ports, lambda seconds: age(first, seconds))


async def age(store: Store, seconds: float) -> None:
    """Make everything stored older, as if time had passed."""

    async def change(connection: object) -> None:
        for table, names in ((nodes, ("joined_at", "seen_at")), (broadcasts, ("claimed_at",))):
            for row in (await connection.execute(table.select())).mappings().all():  # type: ignore[attr-defined]
                key = next(iter(table.primary_key.columns))
                earlier = {name: row[name] and row[name] - timedelta(seconds=seconds) for name in names}
                here = update(table).where(key == row[key.name]).values(earlier)
                await connection.execute(here)  # type: ignore[attr-defined]

    await store.database.write(change)


async def claimed(ownership: Ownership, member: Membership, input_uid: str = SHOW) -> Claim:
    return await ownership.claim(member, input_uid, uuid4().hex)


async def test_a_claim_begins_a_broadcast_that_every_node_sees(registry: Registry) -> None:
    member = await registry.first.join("a", URL)
    claim = await registry.first.claim(member, SHOW, "show-1")
    assert (claim.uid, claim.input_uid, claim.fence, claim.state) == ("show-1", SHOW, 1, None)
    seen = await registry.second.carried(SHOW)
    assert seen is not None
    assert (seen.claim, seen.node, seen.url, seen.held, seen.alive) == (claim, "a", URL, True, True)
    assert await registry.second.running() == [seen]
    assert await registry.second.carried("another input") is None


async def test_a_held_broadcast_of_a_live_node_is_not_taken_over(registry: Registry) -> None:
    a, b = await registry.first.join("a"), await registry.second.join("b")
    claim = await claimed(registry.first, a)
    await registry.wait(DEAD_AFTER + 1)
    await registry.first.renew(a)
    await registry.second.renew(b)
    with pytest.raises(ClaimHeld) as held:
        await claimed(registry.second, b)
    assert held.value.node == "a"
    assert (await registry.first.renew(a)).claims == {claim}


async def test_of_a_hundred_simultaneous_claims_over_two_connections_one_is_in(registry: Registry) -> None:
    members = [await registry.first.join("a"), await registry.second.join("b")]

    async def attempt(number: int) -> Claim | None:
        ownership = (registry.first, registry.second)[number % 2]
        try:
            return await claimed(ownership, members[number % 2])
        except ClaimHeld:
            return None

    # The node that is in may claim its own broadcast again, under the next fence.
    made = [each for each in await asyncio.gather(*(attempt(number) for number in range(100))) if each is not None]
    assert len(made) == 50
    assert {each.uid for each in made} == {made[0].uid}
    assert sorted(each.fence for each in made) == list(range(1, 51))
    renewals = [await registry.first.renew(each) for each in members]
    assert sorted(len(each.claims) for each in renewals) == [0, 1]


async def test_of_ten_nodes_that_claim_at_once_one_is_in(registry: Registry) -> None:
    both = (registry.first, registry.second)
    members = [await both[number % 2].join(f"node-{number}") for number in range(10)]
    attempts = (claimed(both[number % 2], member) for number, member in enumerate(members))
    answers = await asyncio.gather(*attempts, return_exceptions=True)
    claims = [each for each in answers if isinstance(each, Claim)]
    assert len(claims) == 1
    assert sum(isinstance(each, ClaimHeld) for each in answers) == 9
    seen = await registry.first.carried(SHOW)
    assert seen is not None and seen.claim == claims[0]


async def test_a_dead_nodes_broadcast_is_taken_over_by_one_of_many(registry: Registry) -> None:
    dead = await registry.first.join("dead")
    lost = await claimed(registry.first, dead)
    await registry.wait(DEAD_AFTER + 1)
    both = (registry.first, registry.second)
    members = [await both[number % 2].join(f"node-{number}") for number in range(10)]
    attempts = (claimed(both[number % 2], member) for number, member in enumerate(members))
    answers = await asyncio.gather(*attempts, return_exceptions=True)
    claims = [each for each in answers if isinstance(each, Claim)]
    assert [(each.uid, each.fence) for each in claims] == [(lost.uid, lost.fence + 1)]


async def test_a_paused_node_that_was_taken_over_can_neither_renew_nor_note_nor_end(registry: Registry) -> None:
    paused, successor = await registry.first.join("paused"), await registry.second.join("successor")
    lost, kept = await claimed(registry.first, paused), await claimed(registry.first, paused, "input-2")
    await registry.wait(DEAD_AFTER + 1)
    await registry.second.renew(successor)
    taken = await claimed(registry.second, successor)
    assert (taken.uid, taken.fence) == (lost.uid, lost.fence + 1)
    # It wakes up.
    with pytest.raises(HeartbeatOverdue):
        await claimed(registry.first, paused, "input-3")
    assert (await registry.first.renew(paused)).claims == {kept}
    assert not await registry.first.note(lost, held=True, state="mine")
    assert not await registry.first.end(lost)
    seen = await registry.second.carried(SHOW)
    assert seen is not None and (seen.claim, seen.node, seen.claim.state) == (taken, "successor", None)
    assert await registry.second.note(taken, state="live")


async def test_a_node_that_was_late_keeps_what_was_not_taken_over(registry: Registry) -> None:
    member = await registry.first.join("a")
    claim = await claimed(registry.first, member)
    await registry.wait(DEAD_AFTER + 1)
    seen = await registry.second.carried(SHOW)
    assert seen is not None and not seen.alive
    assert (await registry.first.renew(member)).claims == {claim}
    seen = await registry.second.carried(SHOW)
    assert seen is not None and seen.alive


async def test_a_broadcast_without_an_encoder_is_open_to_every_node(registry: Registry) -> None:
    a, b = await registry.first.join("a"), await registry.second.join("b")
    claim = await claimed(registry.first, a)
    assert await registry.first.note(claim, held=False, state="reconnecting")
    assert (await registry.first.renew(a)).claims == {claim}
    taken = await claimed(registry.second, b)
    assert (taken.uid, taken.fence, taken.state) == (claim.uid, claim.fence + 1, "reconnecting")
    assert not await registry.first.note(claim, held=True)
    with pytest.raises(ClaimHeld):
        await claimed(registry.first, a)


async def test_an_encoder_that_returns_to_its_node_closes_the_broadcast_again(registry: Registry) -> None:
    a, b = await registry.first.join("a"), await registry.second.join("b")
    claim = await claimed(registry.first, a)
    assert await registry.first.note(claim, held=False)
    assert await registry.first.note(claim, held=True)
    with pytest.raises(ClaimHeld):
        await claimed(registry.second, b)


async def test_after_the_end_a_new_broadcast_begins_under_a_higher_fence(registry: Registry) -> None:
    member = await registry.first.join("a")
    fences = []
    for _ in range(3):
        claim = await claimed(registry.first, member)
        fences.append(claim.fence)
        assert await registry.first.end(claim)
        assert not await registry.first.end(claim)
        assert not await registry.first.note(claim, state="late")
        assert await registry.first.carried(SHOW) is None
    assert fences == [1, 2, 3]
    assert (await registry.first.renew(member)).claims == frozenset()


async def test_a_restarted_node_claims_its_former_broadcast_at_once(registry: Registry) -> None:
    former = await registry.first.join("a")
    claim = await claimed(registry.first, former)
    again = await registry.first.join("a")
    assert again.incarnation > former.incarnation
    assert (await registry.first.renew(again)).claims == frozenset()
    taken = await claimed(registry.first, again)
    assert (taken.uid, taken.fence) == (claim.uid, claim.fence + 1)
    for late in (registry.first.renew(former), claimed(registry.first, former)):
        with pytest.raises(MembershipLost):
            await late


async def test_what_a_restarted_node_carried_is_free_for_others_once_its_former_run_is_dead(
    registry: Registry,
) -> None:
    former = await registry.first.join("a")
    claim = await claimed(registry.first, former)
    await registry.wait(DEAD_AFTER + 1)
    await registry.first.join("a")
    other = await registry.second.join("b")
    assert (await claimed(registry.second, other)).fence == claim.fence + 1


async def test_a_node_that_leaves_gives_everything_up_at_once(registry: Registry) -> None:
    a, b = await registry.first.join("a"), await registry.second.join("b")
    claim = await claimed(registry.first, a)
    await registry.first.leave(a)
    assert [each.name for each in await registry.second.nodes()] == ["b"]
    seen = await registry.second.carried(SHOW)
    assert seen is not None and not seen.alive
    for late in (registry.first.renew(a), claimed(registry.first, a)):
        with pytest.raises(MembershipLost):
            await late
    assert (await claimed(registry.second, b)).fence == claim.fence + 1
    await registry.first.leave(a)


async def test_nodes_are_listed_with_who_is_alive(registry: Registry) -> None:
    await registry.first.join("b", URL)
    await registry.wait(DEAD_AFTER + 1)
    a = await registry.second.join("a")
    listed = await registry.first.nodes()
    assert [(each.name, each.url, each.alive) for each in listed] == [("a", None, True), ("b", URL, False)]
    assert (await registry.second.renew(a)).others == 0
    await registry.first.join("c")
    assert (await registry.second.renew(a)).others == 1


async def test_a_claim_shows_neither_its_state_in_comparisons_nor_another_input(registry: Registry) -> None:
    member = await registry.first.join("a")
    claim = await claimed(registry.first, member)
    other = await claimed(registry.first, member, "input-2")
    assert await registry.first.note(claim, state="live")
    assert (await registry.first.renew(member)).claims == {claim, other}
    assert [each.claim.state for each in await registry.first.running()] == ["live", None]


@pytest.fixture(params=["sqlite", "postgresql"])
async def stored(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    async with opened_store(request.param, request) as store:
        yield store


async def test_the_database_itself_refuses_a_second_running_broadcast(stored: Store) -> None:
    def row(uid: str, fence: int) -> dict[str, object]:
        at = datetime.now(UTC)
        return {"uid": uid, "input_uid": SHOW, "fence": fence, "node": "a", "incarnation": 1} | {
            "is_held": True,
            "claimed_at": at,
        }

    await stored.database.write(lambda connection: connection.execute(broadcasts.insert().values(row("one", 1))))
    with pytest.raises(IntegrityError):
        await stored.database.write(lambda connection: connection.execute(broadcasts.insert().values(row("two", 2))))


async def test_an_input_keeps_one_ended_row(stored: Store) -> None:
    member = await stored.ownership.join("a")
    for _ in range(4):
        assert await stored.ownership.end(await claimed(stored.ownership, member))
    rows = await stored.database.read(lambda connection: connection.execute(broadcasts.select()))
    assert [row.fence for row in rows] == [4]


async def test_long_gone_nodes_are_forgotten_when_another_joins(stored: Store) -> None:
    idle, carrier = await stored.ownership.join("idle"), await stored.ownership.join("carrier")
    await claimed(stored.ownership, carrier)
    await age(stored, 8 * 24 * 3600)
    await stored.ownership.join("new")
    assert [each.name for each in await stored.ownership.nodes()] == ["carrier", "new"]
    with pytest.raises(MembershipLost):
        await stored.ownership.renew(idle)


async def test_the_clock_of_a_node_decides_nothing(migrated_postgresql: str, request: pytest.FixtureRequest) -> None:
    """A node whose clock is 90 s ahead, and one that is 90 s behind, see the same nodes alive."""
    async with opened_store("postgresql", request) as store:
        ownership = StoredOwnership(store.database, DEAD_AFTER)
        a, b = await ownership.join("a"), await ownership.join("b")
        await claimed(ownership, a)
        for wrong in (90, -90):
            with freeze_time(datetime.now(UTC) + timedelta(seconds=wrong), real_asyncio=True, tick=True):
                await ownership.renew(b)
                with pytest.raises(ClaimHeld):
                    await claimed(ownership, b)
                assert [each.alive for each in await ownership.nodes()] == [True, True]
