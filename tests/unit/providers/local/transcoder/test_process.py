"""Child processes: their pipes, the stages of stopping them, and their log."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Sequence

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.local.transcoder.process import (
    LOG_LINE_SIZE,
    LOG_LINES,
    Child,
    LogTail,
    StopLimits,
    run_to_end,
    start_child,
)
from providers.supervisor import ProcessError

SHORT = StopLimits(end_of_input=0.1, terminate=0.1)
OBSTINATE = "trap '' TERM; echo ready; while :; do sleep 0.1; done"


def shell(script: str) -> Sequence[str]:
    return ["sh", "-c", script]


async def ready(script: str, limits: StopLimits | None = None) -> Child:
    """Start a shell and wait for its first line of output."""
    said = asyncio.Event()
    child = await start_child(lambda _: shell(script), stdout=lambda _: said.set(), stop_limits=limits)
    async with asyncio.timeout(10):
        await said.wait()
    return child


async def test_a_process_writes_to_the_pipes_it_was_given() -> None:
    heard: list[list[bytes]] = [[], []]
    child = await start_child(
        lambda pipes: shell(f"echo one >/dev/fd/{pipes[0]}; echo two >/dev/fd/{pipes[1]}; cat >/dev/fd/{pipes[1]}"),
        [heard[0].append, heard[1].append],
    )
    await child.write(b"three\n")
    assert await child.stop() == 0
    assert [b"".join(each) for each in heard] == [b"one\n", b"two\nthree\n"]


async def test_stop_lets_a_process_finish_what_it_was_given() -> None:
    heard = bytearray()
    child = await start_child(lambda _: ["cat"], stdout=heard.extend)
    child.write_soon(b"x" * 1_000_000)
    assert await child.stop() == 0
    assert len(heard) == 1_000_000


async def test_a_process_that_ignores_the_end_of_its_input_is_terminated() -> None:
    child = await ready("echo ready; exec sleep 60", SHORT)
    assert await child.stop() == -signal.SIGTERM


async def test_a_process_that_ignores_sigterm_is_killed() -> None:
    child = await ready(OBSTINATE, SHORT)
    assert await child.stop() == -signal.SIGKILL


async def test_the_children_of_a_process_are_killed_with_it() -> None:
    child = await ready("trap '' TERM; sleep 60 & echo ready; wait; sleep 60", SHORT)
    family = psutil.Process(child.pid).children(recursive=True)
    await child.stop()
    _, alive = await asyncio.to_thread(psutil.wait_procs, family, 10)
    assert [each for each in alive if each.status() != psutil.STATUS_ZOMBIE] == []


async def test_stop_is_safe_twice_and_after_the_exit() -> None:
    child = await start_child(lambda _: shell("exit 3"))
    assert await child.wait() == 3
    assert [await child.stop(), await child.stop()] == [3, 3]


async def test_a_cancelled_stop_kills_at_once() -> None:
    child = await ready(OBSTINATE)
    stopping = asyncio.create_task(child.stop())
    await asyncio.sleep(0)
    stopping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopping
    assert child.returncode == -signal.SIGKILL


async def test_writing_to_a_process_that_has_exited_does_nothing() -> None:
    child = await start_child(lambda _: shell("exit 0"))
    for _ in range(10):
        await child.write(b"x" * 100_000)
    assert await child.stop() == 0


async def test_no_descriptor_is_left_when_a_process_does_not_start() -> None:
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(ProcessError, match="cannot start ffmpeg"):
        await start_child(lambda _: ["/nowhere/ffmpeg"], [print])
    await asyncio.sleep(0)
    assert len(os.listdir("/proc/self/fd")) <= before


async def test_a_short_process_returns_its_output() -> None:
    assert await run_to_end(["cat"], stdin=b"hello", timeout=10, max_output=100) == b"hello"


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo rtmp://host/live/SECRET is no good >&2; exit 5", r"code 5: rtmp://host/live/\*\*\* is no good"),
        ("exec sleep 60", "longer than 0.2 s"),
        ("cat /dev/zero | head -c 200", "200 bytes, the limit is 100"),
    ],
)
async def test_a_short_process_that_fails_reports_the_reason(script: str, message: str) -> None:
    with pytest.raises(ProcessError, match=message):
        await run_to_end(shell(script), timeout=10 if "sleep" not in script else 0.2, max_output=100)


def test_the_log_keeps_its_last_lines() -> None:
    log = LogTail()
    log.feed(b"".join(b"line %d\n" % number for number in range(100)))
    log.feed(b"unfinished")
    assert log.lines() == [f"line {number}" for number in range(100 - LOG_LINES, 100)] + ["unfinished"]


@given(st.lists(st.binary(max_size=1_000)))
def test_the_log_is_bounded(pieces: list[bytes]) -> None:
    log = LogTail()
    for piece in pieces:
        log.feed(piece)
    assert len(log.lines()) <= LOG_LINES + 1
    assert all(len(line) <= LOG_LINE_SIZE for line in log.lines())
