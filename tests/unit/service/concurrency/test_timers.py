"""Timers after a pause of the process: what has arrived is read before a deadline passes."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Coroutine
from typing import Any

import pytest

from service.concurrency.timers import SECOND_CHANCE, PatientLoop

PAUSE = 0.3


@pytest.fixture(autouse=True)
def soon_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PatientLoop, "late_after", PAUSE / 3)


def run(work: Coroutine[Any, Any, Any]) -> Any:
    with asyncio.Runner(loop_factory=PatientLoop) as runner:
        return runner.run(work)


async def paused() -> None:
    """Block the event loop, as a stopped process does."""
    await asyncio.sleep(0)
    time.sleep(PAUSE)  # noqa: ASYNC251 - the pause


def test_what_arrived_during_a_pause_is_in_time() -> None:
    async def received() -> bytes:
        ours, theirs = socket.socketpair()
        with theirs:
            reader, writer = await asyncio.open_connection(sock=ours)

            async def read() -> bytes:
                async with asyncio.timeout(PAUSE / 6):
                    return await reader.readexactly(5)

            reading = asyncio.ensure_future(read())
            await asyncio.sleep(0)
            theirs.sendall(b"hello")
            await paused()
            try:
                return await reading
            finally:
                writer.close()

    assert run(received()) == b"hello"


def test_a_deadline_that_nothing_meets_passes_after_the_pause() -> None:
    async def waited() -> float:
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(PAUSE / 6):
                await paused()
                await asyncio.Event().wait()
        return time.monotonic() - began

    assert run(waited()) >= PAUSE + SECOND_CHANCE - 0.02


def test_a_timer_is_cancelled_also_in_its_second_chance() -> None:
    async def calls() -> list[str]:
        called: list[str] = []
        loop = asyncio.get_running_loop()
        late = loop.call_later(PAUSE / 6, called.append, "late")
        early = loop.call_at(loop.time() + 10.0, called.append, "early")
        loop.call_later(PAUSE + SECOND_CHANCE / 2, late.cancel)
        early.cancel()
        await paused()
        await asyncio.sleep(2 * SECOND_CHANCE)
        assert late.cancelled() and early.cancelled()
        return called

    assert run(calls()) == []


def test_timers_keep_their_order_and_their_moment_without_a_pause() -> None:
    async def calls() -> list[int]:
        loop = asyncio.get_running_loop()
        called: list[int] = []
        timers = [loop.call_later(delay / 100, called.append, delay) for delay in (3, 1, 2, 0)]
        assert timers[0].when() - timers[1].when() == pytest.approx(0.02, abs=0.01)  # the clock has whole milliseconds
        await asyncio.sleep(0.05)
        return called

    assert run(calls()) == [0, 1, 2, 3]
