"""Single flight, the token bucket, and rounds."""

from __future__ import annotations

import asyncio
import math
import time
from contextlib import aclosing

import pytest

from providers.concurrency import PAUSE_SECONDS, SingleFlight, TokenBucket, rounds
from service.concurrency.tasks import Tasks
from tests.waiting import until


class Work:
    """Counts its runs, and finishes them when it is let go."""

    def __init__(self) -> None:
        self.runs = 0
        self.gate = asyncio.Event()

    async def __call__(self) -> int:
        self.runs += 1
        run = self.runs
        await asyncio.sleep(0)
        await self.gate.wait()
        return run


async def test_clients_that_share_get_one_result() -> None:
    flights: SingleFlight[str, int] = SingleFlight()
    work = Work()
    work.gate.set()
    assert await asyncio.gather(*(flights.run("key", work, share=True) for _ in range(3))) == [1, 1, 1]
    assert await flights.run("key", work, share=True) == 2


async def test_clients_that_do_not_share_run_one_after_the_other() -> None:
    flights: SingleFlight[str, int] = SingleFlight()
    work = Work()
    results = asyncio.gather(*(flights.run("key", work, share=False) for _ in range(3)))
    await until(lambda: work.runs == 1)
    other = Work()
    other.gate.set()
    assert await flights.run("other key", other, share=False) == 1
    assert work.runs == 1
    work.gate.set()
    assert await results == [1, 2, 3]


async def test_an_error_is_shared_like_a_result() -> None:
    flights: SingleFlight[str, int] = SingleFlight()
    runs = 0

    async def fail() -> int:
        nonlocal runs
        runs += 1
        await asyncio.sleep(0)
        raise LookupError

    results = await asyncio.gather(*(flights.run("key", fail, share=True) for _ in range(3)), return_exceptions=True)
    assert [type(each) for each in results] == [LookupError] * 3
    assert runs == 1


async def test_a_waiting_client_runs_the_work_when_the_first_is_cancelled(tasks: Tasks) -> None:
    flights: SingleFlight[str, int] = SingleFlight()
    work = Work()

    async def client() -> None:
        await flights.run("key", work, share=True)

    first = tasks.spawn(client(), name="first")
    await until(lambda: work.runs == 1)
    second = tasks.spawn(client(), name="second")
    await asyncio.sleep(0)
    first.cancel()
    await until(lambda: work.runs == 2)
    work.gate.set()
    await second
    assert first.cancelled()


async def test_work_that_is_joined_outlives_its_clients(tasks: Tasks) -> None:
    flights: SingleFlight[str, int] = SingleFlight()
    started: list[asyncio.Future[int]] = []

    def start() -> asyncio.Future[int]:
        started.append(asyncio.get_running_loop().create_future())
        return started[-1]

    async def client() -> None:
        await flights.join("key", start)

    first = tasks.spawn(client(), name="first")
    await until(lambda: len(started) == 1)
    first.cancel()
    second = asyncio.gather(flights.join("key", start))
    await asyncio.sleep(0)
    started[0].set_result(7)
    assert await second == [7]
    assert len(started) == 1
    third = asyncio.gather(flights.join("key", start))
    await until(lambda: len(started) == 2)
    started[1].set_result(8)
    assert await third == [8]


def test_a_bucket_has_its_burst_at_once_and_then_its_rate() -> None:
    bucket = TokenBucket(2, 0.5, now=100.0)
    assert [bucket.acquire(100.0) for _ in range(3)] == [0.0, 0.0, 2.0]
    assert bucket.acquire(101.0) == 1.0
    assert bucket.acquire(102.0) == 0.0
    bucket.fill(1_000.0)
    assert bucket.tokens == 2


def test_a_clock_that_is_set_back_adds_no_token() -> None:
    bucket = TokenBucket(1, 1.0, now=100.0)
    assert bucket.acquire(100.0) == 0.0
    assert bucket.acquire(50.0) == 1.0
    assert bucket.acquire(51.0) == 0.0


def test_tokens_over_a_cap_are_discarded() -> None:
    bucket = TokenBucket(10, 1.0, now=0.0)
    bucket.fill(0.0, most=3)
    assert (bucket.tokens, bucket.until(5)) == (3, 2.0)
    bucket.fill(0.0, most=-1)
    assert bucket.acquire(0.0) == 2.0


@pytest.mark.parametrize("moment", [0.0, 5.0])
def test_a_bucket_without_a_limit_never_runs_empty(moment: float) -> None:
    bucket = TokenBucket(math.inf, math.inf, now=0.0)
    assert [bucket.acquire(moment) for _ in range(3)] == [0.0] * 3


async def test_only_the_first_round_after_a_pause_of_the_process_says_so() -> None:
    seen: list[float] = []
    async with aclosing(rounds(0.01)) as each:
        async for _, paused in each:
            seen.append(paused)
            if len(seen) == 1:
                asyncio.get_running_loop().call_soon(time.sleep, PAUSE_SECONDS + 0.1)
            if len(seen) == 3:
                break
    assert [each > 0.0 for each in seen] == [False, True, False]
    assert seen[1] == pytest.approx(PAUSE_SECONDS + 0.1, abs=0.09)


async def test_a_process_that_is_always_late_still_has_ordinary_rounds() -> None:
    seen: list[float] = []
    async with aclosing(rounds(0.01)) as each:
        async for _, paused in each:
            seen.append(paused)
            asyncio.get_running_loop().call_soon(time.sleep, PAUSE_SECONDS + 0.1)
            if len(seen) == 3:
                break
    assert [each > 0.0 for each in seen] == [False, True, False]
