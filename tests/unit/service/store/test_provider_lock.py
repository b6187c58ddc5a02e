"""The local provider's lock in a real PostgreSQL: one holder, kept over a restart, taken from a dead one."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from providers.lock import LockHeld
from service.concurrency.tasks import Tasks
from service.domain.errors import Unavailable
from service.store.provider_lock import LockLimits, ProviderLock
from tests.servers import PostgresServer
from tests.waiting import PATIENCE, until

Make = Callable[..., ProviderLock]
"""Returns a lock with these limits changed."""

LIMITS = LockLimits(heartbeat=0.2, poll_every=0.1, return_grace=0.0)

HOLD = """
import asyncio, os, sys
from providers.lock import LockHeld
from service.store.provider_lock import ProviderLock
from service.concurrency.tasks import Tasks

async def hold():
    tasks = Tasks(on_failure=lambda failure: os._exit(7 if isinstance(failure, LockHeld) else 1))
    await ProviderLock(sys.argv[1], tasks.spawn).acquire()
    print("held", flush=True)
    await asyncio.sleep(600)

asyncio.run(hold())
"""


@pytest.fixture
def failures() -> list[BaseException]:
    return []


@asynccontextmanager
async def holder(postgres_url: str) -> AsyncIterator[subprocess.Popen[bytes]]:
    """Yield another process that holds the lock."""
    process = await asyncio.to_thread(
        subprocess.Popen, [sys.executable, "-c", HOLD, postgres_url], stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        assert await asyncio.to_thread(process.stdout.readline) == b"held\n"
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
async def make(postgres_url: str, failures: list[BaseException]) -> AsyncIterator[Make]:
    """Locks on one database, with shorter times than in production."""
    owner = Tasks(on_failure=failures.append)
    made: list[ProviderLock] = []

    def lock(**limits: float) -> ProviderLock:
        made.append(ProviderLock(postgres_url, owner.spawn, replace(LIMITS, **limits)))
        return made[-1]

    yield lock
    for each in made:
        await each.aclose()
    await owner.aclose()


async def test_the_second_process_gets_the_holder_in_the_error(make: Make, postgres_url: str) -> None:
    await make().acquire()
    with pytest.raises(LockHeld) as refused:
        await make().acquire()
    error = str(refused.value)
    assert error.startswith("The PostgreSQL database, as the store of provider `local` and node `main`, is in use by")
    assert f"process {os.getpid()} on host {os.uname().nodename} since 2" in error


async def test_nodes_with_different_names_run_at_once(make: Make, postgres_url: str, tasks: Tasks) -> None:
    await make().acquire()
    other = ProviderLock(postgres_url, tasks.spawn, LIMITS, node="other")
    await other.acquire()
    with pytest.raises(LockHeld, match="CONFERENCE_NODE_NAME"):
        await ProviderLock(postgres_url, tasks.spawn, LIMITS, node="other").acquire()
    await other.aclose()


async def test_it_is_free_after_it_was_closed(make: Make) -> None:
    first = make()
    await first.acquire()
    await first.aclose()
    await make().acquire()


async def test_a_killed_process_releases_the_lock(make: Make, postgres_url: str) -> None:
    async with holder(postgres_url) as process:
        with pytest.raises(LockHeld, match=f"process {process.pid} "):
            await make().acquire()
    await make().acquire()


async def test_a_connection_that_is_only_half_open_is_ended(make: Make) -> None:
    """As after the holder's machine lost its power: it sends nothing, and nothing closes its connection."""
    await make(heartbeat=3_600.0).acquire()
    with capture_logs() as logs:
        await make(stale_after=1.0).acquire()
    assert "provider lock taken from a silent connection" in [each["event"] for each in logs]


async def test_a_frozen_process_that_lost_the_lock_stops(make: Make, postgres_url: str) -> None:
    async with holder(postgres_url) as frozen:
        frozen.send_signal(signal.SIGSTOP)
        await make(stale_after=3.0).acquire()
        frozen.send_signal(signal.SIGCONT)
        assert await asyncio.to_thread(frozen.wait, PATIENCE) == 7


async def test_after_a_restart_of_postgresql_the_holder_has_it_again(
    make: Make, postgres_server: PostgresServer, failures: list[BaseException]
) -> None:
    await make().acquire()
    with capture_logs() as logs:
        await asyncio.to_thread(postgres_server.stop)
        await until(lambda: "provider lock lost with its connection" in [each["event"] for each in logs])
        await asyncio.to_thread(postgres_server.start)
        await until(lambda: "provider lock acquired again" in [each["event"] for each in logs])
    with pytest.raises(LockHeld):
        await make().acquire()
    assert failures == []


async def test_a_database_that_does_not_answer_is_unavailable(tasks: Tasks) -> None:
    with pytest.raises(Unavailable):
        await ProviderLock("postgresql://user@127.0.0.1:1/none", tasks.spawn).acquire()
