"""The shared reader of the event log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest

from service.concurrency.tasks import Tasks
from service.domain.errors import Unavailable
from service.domain.events.event import Event
from service.events.tails import TailLimits, Tails
from tests.event_log import MemoryLog
from tests.waiting import until

NEVER = 3_600.0


class Reader:
    """Records the events that it receives."""

    def __init__(self) -> None:
        self.ids: list[int] = []
        self.misses = 0
        self.failures = 0
        """Events still to be refused."""
        self.room = asyncio.Event()
        """Cleared: the reader is busy with an event."""
        self.room.set()

    async def receive(self, event: Event) -> None:
        await self.room.wait()
        if self.failures:
            self.failures -= 1
            raise Unavailable("The store is unavailable.")
        self.ids.append(event.id)

    def missed(self) -> None:
        self.misses += 1


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog()


@pytest.fixture
async def tails(log: MemoryLog, tasks: Tasks) -> AsyncIterator[Tails]:
    """Yield a reader that only wakes."""
    opened = Tails(log, tasks.spawn, TailLimits(check_every=NEVER, page=3, retry_after=0.01))
    yield opened
    await opened.aclose()


@pytest.fixture
def organization() -> UUID:
    return uuid4()


async def test_a_reader_receives_what_follows_its_position(tails: Tails, log: MemoryLog, organization: UUID) -> None:
    log.append(organization)
    reader = Reader()
    assert await tails.follow(organization, reader) == 1
    new = [log.append(organization) for _ in range(10)]
    tails.wake(organization, new[-1])
    await until(lambda: reader.ids == new)


async def test_all_readers_share_the_reads(tails: Tails, log: MemoryLog, organization: UUID) -> None:
    readers = [Reader() for _ in range(20)]
    for reader in readers:
        await tails.follow(organization, reader)
    tails.wake(organization, log.append(organization))
    await until(lambda: all(each.ids == [1] for each in readers))
    assert (log.reads, log.head_reads) == (1, 1)


async def test_a_repeated_wake_reads_nothing(tails: Tails, log: MemoryLog, organization: UUID) -> None:
    reader = Reader()
    await tails.follow(organization, reader)
    last = log.append(organization)
    tails.wake(organization, last)
    await until(lambda: reader.ids == [last])
    reads = log.reads
    for _ in range(5):
        tails.wake(organization, last)
        await asyncio.sleep(0)
    tails.wake(uuid4(), 7)
    assert log.reads == reads


async def test_the_ends_of_all_logs_are_checked_at_intervals(log: MemoryLog, tasks: Tasks) -> None:
    tails = Tails(log, tasks.spawn, TailLimits(check_every=0.01))
    one, other = uuid4(), uuid4()
    readers = {each: Reader() for each in (one, other)}
    for each, reader in readers.items():
        await tails.follow(each, reader)
    log.append(one)
    log.append(other, gap=4)
    await until(lambda: (readers[one].ids, readers[other].ids) == ([1], [5]))
    await tails.aclose()
    await tails.aclose()


async def test_an_unavailable_log_delays_and_loses_nothing(tails: Tails, log: MemoryLog, organization: UUID) -> None:
    reader = Reader()
    await tails.follow(organization, reader)
    log.unavailable = True
    tails.wake(organization, log.append(organization))
    await asyncio.sleep(0.05)
    log.unavailable = False
    await until(lambda: reader.ids == [1])


async def test_an_event_that_a_reader_cannot_receive_is_handed_out_again(
    tails: Tails, log: MemoryLog, organization: UUID
) -> None:
    reader = Reader()
    reader.failures = 2
    await tails.follow(organization, reader)
    log.append(organization)
    tails.wake(organization, log.append(organization))
    await until(lambda: reader.ids == [1, 2])


async def test_a_reader_that_joins_during_an_event_receives_it(
    tails: Tails, log: MemoryLog, organization: UUID
) -> None:
    busy, late = Reader(), Reader()
    await tails.follow(organization, busy)
    busy.room.clear()
    tails.wake(organization, log.append(organization))
    await asyncio.sleep(0.01)
    assert await tails.follow(organization, late) == 0
    busy.room.set()
    await until(lambda: busy.ids == [1] and late.ids == [1])


async def test_purged_events_are_reported(tails: Tails, log: MemoryLog, organization: UUID) -> None:
    reader = Reader()
    await tails.follow(organization, reader)
    for _ in range(3):
        log.append(organization)
    log.purge(organization, 2)
    tails.wake(organization, 3)
    await until(lambda: reader.ids == [3])
    assert reader.misses == 1
    tails.wake(organization, log.append(organization, gap=2))
    await until(lambda: reader.ids == [3, 6])
    assert reader.misses == 1


async def test_nothing_is_read_without_readers(tails: Tails, log: MemoryLog, organization: UUID) -> None:
    reader = Reader()
    await tails.follow(organization, reader)
    tails.leave(organization, reader)
    tails.leave(organization, reader)
    tails.wake(organization, log.append(organization))
    await asyncio.sleep(0.01)
    assert (reader.ids, log.reads) == ([], 0)
    assert await tails.follow(organization, reader) == 1
