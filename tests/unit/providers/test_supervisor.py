"""The supervisor: restarts, renewals, the state table, the watchdog and the growing delay."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from providers.local.transcoder.process import Child, start_child
from providers.supervisor import (
    MOVES,
    Delays,
    IllegalProcessMove,
    ProcessError,
    ProcessState,
    RestartPolicy,
    Supervisor,
    Watchdog,
    moved,
)
from service.concurrency.tasks import Tasks


class Script:
    """Work for a supervisor: a shell script, and a record of the calls to it."""

    def __init__(self, script: str) -> None:
        self.script = script
        self.calls: list[str] = []
        self.ends = asyncio.Semaphore(0)

    async def ready(self) -> None:
        self.calls.append("ready")

    async def start(self) -> Child:
        if not self.script:
            raise ProcessError("no script")
        return await start_child(lambda _: ["sh", "-c", self.script])

    async def feed(self, process: Child) -> None:
        self.calls.append("feed")
        await asyncio.Event().wait()

    def finish(self, process: Child) -> None:
        self.calls.append("finish")

    def ended(self) -> None:
        self.calls.append("ended")
        self.ends.release()

    def closed(self) -> None:
        self.calls.append("closed")


class Undead:
    """A process that even SIGKILL does not end: it hangs in the kernel."""

    log: tuple[str, ...] = ()

    async def wait(self) -> int:
        return 1

    async def stop(self) -> int:
        raise ProcessError("process 1 survives SIGKILL")

    def kill(self) -> None:
        pass


class UndeadScript(Script):
    async def start(self) -> Child:
        return cast("Child", Undead())


async def reach(supervisor: Supervisor[Child], state: ProcessState) -> None:
    async with asyncio.timeout(10):
        while supervisor.state is not state:  # noqa: ASYNC110 - only tests poll the state
            await asyncio.sleep(0)


async def test_a_process_that_cannot_be_killed_is_left_behind_and_replaced(tasks: Tasks) -> None:
    work = UndeadScript("")
    supervisor = Supervisor("test", work, spawn=tasks.spawn, policy=RestartPolicy(first_delay=0.01))
    async with asyncio.timeout(10):
        for _ in range(2):
            await work.ends.acquire()
    await supervisor.aclose()
    assert supervisor.state is ProcessState.CLOSED


async def test_a_process_that_ends_by_itself_is_started_again(tasks: Tasks) -> None:
    work = Script("exit 1")
    supervisor = Supervisor("test", work, spawn=tasks.spawn, policy=RestartPolicy(first_delay=0.01))
    async with asyncio.timeout(10):
        for _ in range(3):
            await work.ends.acquire()
    await supervisor.aclose()
    assert "finish" not in work.calls


async def test_a_process_that_does_not_start_is_tried_again(tasks: Tasks) -> None:
    work = Script("")
    supervisor = Supervisor("test", work, spawn=tasks.spawn, policy=RestartPolicy(first_delay=0.01))
    async with asyncio.timeout(10):
        for _ in range(3):
            await work.ends.acquire()
    await supervisor.aclose()


async def test_closing_ends_the_process_in_good_order(tasks: Tasks) -> None:
    work = Script("cat")
    supervisor = Supervisor("test", work, spawn=tasks.spawn)
    await reach(supervisor, ProcessState.RUNNING)
    await supervisor.aclose()
    assert work.calls == ["ready", "feed", "finish", "ended", "closed"]


async def test_renewing_ends_one_run_in_good_order_and_begins_another(tasks: Tasks) -> None:
    work = Script("cat")
    supervisor = Supervisor("test", work, spawn=tasks.spawn, policy=RestartPolicy(first_delay=0.01))
    await reach(supervisor, ProcessState.RUNNING)
    supervisor.renew()
    async with asyncio.timeout(10):
        await work.ends.acquire()
    await reach(supervisor, ProcessState.RUNNING)
    await supervisor.aclose()
    assert work.calls.count("finish") == 2


async def test_a_stalled_process_is_killed(tasks: Tasks) -> None:
    work = Script("exec sleep 60")
    supervisor = Supervisor("test", work, spawn=tasks.spawn, policy=RestartPolicy(stall=0.0, first_delay=60))
    await reach(supervisor, ProcessState.RUNNING)
    supervisor.watchdog.input_seen(asyncio.get_running_loop().time())
    async with asyncio.timeout(10):
        await work.ends.acquire()
    await supervisor.aclose()
    assert "finish" not in work.calls


@pytest.mark.parametrize("before", ProcessState)
@pytest.mark.parametrize("to", ProcessState)
def test_a_move_is_in_the_table_or_an_error(before: ProcessState, to: ProcessState) -> None:
    if to in MOVES[before]:
        assert moved(before, to) is to
    else:
        with pytest.raises(IllegalProcessMove):
            moved(before, to)


def test_every_state_can_come_to_closed() -> None:
    reached = {ProcessState.CLOSED}
    for _ in ProcessState:
        reached |= {state for state, moves in MOVES.items() if moves & reached}
    assert reached == set(ProcessState)


def test_the_watchdog_reports_when_input_flows_and_nothing_comes_out() -> None:
    dog = Watchdog(10)
    for second in range(12):
        dog.input_seen(second)
    assert dog.stalled(11)


def test_the_watchdog_is_quiet_after_output() -> None:
    dog = Watchdog(10)
    for second in range(12):
        dog.input_seen(second)
    dog.output_seen()
    dog.input_seen(12)
    assert not dog.stalled(12)


def test_the_watchdog_expects_nothing_while_no_input_flows() -> None:
    dog = Watchdog(10)
    dog.input_seen(0)
    assert not dog.stalled(60)


def test_the_watchdog_starts_over_after_a_pause_of_the_input() -> None:
    dog = Watchdog(10)
    dog.input_seen(0)
    dog.input_seen(60)
    assert not dog.stalled(60)


def test_the_delay_doubles_up_to_its_limit_and_restarts_after_a_good_run() -> None:
    delays = Delays(RestartPolicy(first_delay=1, longest_delay=5, good_run=30))
    assert [delays.after(run) for run in (0, 0, 0, 0, 29, 30, 0)] == [1, 2, 4, 5, 5, 1, 2]
