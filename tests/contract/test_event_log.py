"""What readers of the event log may expect, on both databases."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from service.domain.events.event import Action, Audience, Event, Head, NewEvent, Scope
from service.store import Store

WRITERS = 20
READERS = 3
EVENTS_OF_A_WRITER = 15


def event(organization_id: UUID, resource_id: str = "1", source: str | None = None) -> NewEvent:
    return NewEvent(
        organization_id,
        "/api/things",
        Action.ADDED,
        resource_id,
        {"id": resource_id, "name": "Ü"},
        Audience(Scope.ORGANIZATION),
        source,
    )


async def appended(store: Store, *new: NewEvent) -> None:
    async with store.transaction() as tx:
        for each in new:
            tx.append(each)


async def everything(store: Store, organization_id: UUID) -> list[Event]:
    return await store.events.events(organization_id, 0, 10_000)


async def test_an_event_comes_back_as_it_was_appended(store: Store) -> None:
    organization = uuid4()
    before = datetime.now(UTC)
    await appended(store, event(organization, "7", "report 1"))
    (found,) = await everything(store, organization)
    assert (found.id, found.channel, found.action, found.resource_id) == (1, "/api/things", Action.ADDED, "7")
    assert (found.resource, found.audience) == ({"id": "7", "name": "Ü"}, Audience(Scope.ORGANIZATION))
    assert found.source == "report 1" and before <= found.created_at <= datetime.now(UTC)


async def test_each_organization_has_numbers_of_its_own(store: Store) -> None:
    one, two = uuid4(), uuid4()
    await appended(store, event(one), event(two), event(one))
    assert [each.id for each in await everything(store, one)] == [1, 2]
    assert [each.id for each in await everything(store, two)] == [1]
    assert await store.events.heads([one, two]) == {one: Head(1, 2), two: Head(1, 1)}
    nothing = uuid4()
    assert await store.events.heads([nothing]) == {nothing: Head(1, 0)}


async def test_a_failed_transaction_leaves_no_event(store: Store) -> None:
    organization = uuid4()
    with pytest.raises(ZeroDivisionError):
        async with store.transaction() as tx:
            tx.append(event(organization))
            raise ZeroDivisionError
    assert await everything(store, organization) == []
    await appended(store, event(organization))
    assert len(await everything(store, organization)) == 1


async def test_a_repeated_report_is_one_event(store: Store) -> None:
    organization = uuid4()
    await appended(store, event(organization, "1", "lost 4711"), event(organization, "2", "lost 4711"))
    await asyncio.gather(*(appended(store, event(organization, "3", "lost 4711")) for _ in range(5)))
    await appended(store, event(uuid4(), "1", "lost 4711"), event(organization, "4", "ended 4711"))
    assert [each.resource_id for each in await everything(store, organization)] == ["1", "4"]


async def test_listeners_are_called_after_the_commit(store: Store) -> None:
    organization, calls = uuid4(), []
    store.on_commit(lambda which, last: calls.append((which, last)))
    async with store.transaction() as tx:
        tx.append(event(organization))
        tx.append(event(organization))
        assert calls == []
    assert calls == [(organization, 2)]


async def test_a_store_outside_the_transaction_refuses_to_wait_for_it(store: Store) -> None:
    async with store.transaction():
        with pytest.raises(RuntimeError):
            await appended(store, event(uuid4()))


async def test_no_reader_misses_an_event_of_concurrent_writers(store: Store) -> None:
    organization, done = uuid4(), asyncio.Event()

    async def write(writer: int) -> None:
        for number in range(EVENTS_OF_A_WRITER):
            async with store.transaction() as tx:
                tx.append(event(organization, f"{writer}-{number}"))
                await asyncio.sleep(random.random() / 100)

    async def read() -> list[Event]:
        seen: list[Event] = []
        while True:
            over = done.is_set()
            found = await store.events.events(organization, seen[-1].id if seen else 0, 7)
            seen += found
            if over and not found:
                return seen

    readers = [asyncio.create_task(read()) for _ in range(READERS)]
    await asyncio.gather(*(write(number) for number in range(WRITERS)))
    done.set()
    wanted = {f"{writer}-{number}" for writer in range(WRITERS) for number in range(EVENTS_OF_A_WRITER)}
    for seen in await asyncio.gather(*readers):
        assert [each.id for each in seen] == sorted({each.id for each in seen})
        assert {each.resource_id for each in seen} == wanted


async def test_old_events_are_purged_in_steps_and_the_head_says_so(store: Store) -> None:
    organization = uuid4()
    await appended(store, *(event(organization, str(number)) for number in range(5)))
    assert await store.events.purge_events(datetime.now(UTC) - timedelta(days=7), 100) == 0
    assert await store.events.purge_events(datetime.now(UTC) + timedelta(seconds=1), 3) == 3
    assert (await store.events.heads([organization]))[organization] == Head(4, 5)
    assert [each.id for each in await everything(store, organization)] == [4, 5]
    assert await store.events.purge_events(datetime.now(UTC) + timedelta(seconds=1), 3) == 2
    await appended(store, event(organization))
    assert [each.id for each in await everything(store, organization)] == [6]
