"""The rows of deleted channels are purged: on request, at the start, and once an unavailable part is back."""

from __future__ import annotations

import asyncio
from uuid import uuid4

from service.concurrency.tasks import Tasks
from service.domain.conversation.purge import Purge, PurgeLimits
from service.domain.errors import Unavailable


class FakePurgeStore:
    """A store with so many batches left; `idle` is set whenever a query finds none."""

    def __init__(self, batches: int = 0) -> None:
        self.batches = batches
        self.away = False
        self.asked: list[int] = []
        self.idle = asyncio.Event()
        self.refused = asyncio.Event()
        self.ended = asyncio.Event()

    async def end_streams(self) -> int:
        if self.away:
            self.refused.set()
            raise Unavailable("away")
        self.ended.set()
        return 1

    async def purge_messages(self, limit: int) -> bool:
        self.asked.append(limit)
        if self.away:
            self.refused.set()
            raise Unavailable("away")
        if self.batches == 0:
            self.idle.set()
            return False
        self.batches -= 1
        return True


async def test_leftovers_are_purged_in_batches_at_the_start(tasks: Tasks) -> None:
    store = FakePurgeStore(batches=3)
    purge = Purge(store, [store.end_streams], tasks.spawn)
    purge.start()
    await store.idle.wait()
    assert store.asked == [PurgeLimits().batch] * 4


async def test_a_deleted_channel_wakes_it(tasks: Tasks) -> None:
    store = FakePurgeStore()
    purge = Purge(store, [store.end_streams], tasks.spawn)
    purge.start()
    await store.idle.wait()
    store.idle.clear()
    store.batches = 1
    await purge.channel_deleted(uuid4())
    await store.idle.wait()
    assert store.batches == 0


async def test_it_retries_after_the_store_was_unavailable(tasks: Tasks) -> None:
    store = FakePurgeStore(batches=1)
    store.away = True
    purge = Purge(store, [store.end_streams], tasks.spawn, PurgeLimits(sweep_every=0.01))
    purge.start()
    await store.refused.wait()
    store.away = False
    await store.idle.wait()
    assert store.batches == 0


async def test_it_ends_the_streams_of_deleted_channels_but_not_before_everything_has_started(tasks: Tasks) -> None:
    store = FakePurgeStore()
    purge = Purge(store, [store.end_streams], tasks.spawn)
    purge.start()
    await store.idle.wait()
    assert not store.ended.is_set()
    await purge.channel_deleted(uuid4())
    await store.ended.wait()


async def test_streams_that_could_not_be_ended_are_ended_later(tasks: Tasks) -> None:
    store = FakePurgeStore()
    store.away = True
    purge = Purge(store, [store.end_streams], tasks.spawn, PurgeLimits(sweep_every=0.01))
    purge.start()
    await store.refused.wait()
    store.away = False
    await store.ended.wait()


async def test_it_stops_twice_and_before_it_started(tasks: Tasks) -> None:
    store = FakePurgeStore()
    purge = Purge(store, [store.end_streams], tasks.spawn)
    await purge.aclose()
    purge.start()
    await purge.aclose()
    await purge.aclose()
