"""Keeps a process running: states in one table, a watchdog, a growing restart delay, a bounded stop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import structlog

from providers.base import Spawn
from providers.local.transcoder.process import Child, ProcessError

log = structlog.get_logger(__name__)

FLOW_GAP = 1.0
"""Seconds without input after which nothing is expected to come out."""

WATCH_INTERVAL = 0.5
"""Seconds between two looks of the watchdog."""

RENEW_FREELY = 2.0
"""A run of at least this many seconds may be renewed without a rest: an encoder that changes its headers all the time may not."""

CLOSE_TIMEOUT = 12.0
"""Seconds `aclose` takes at most: more than the waits of `Child.stop` together."""


class ProcessState(StrEnum):
    """What a supervised process is doing."""

    WAITING = "waiting"  # there is nothing to do yet: no input, or no free place
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    RESTING = "resting"  # the delay before the next try
    CLOSED = "closed"


MOVES = {
    ProcessState.WAITING: {ProcessState.STARTING, ProcessState.CLOSED},
    ProcessState.STARTING: {ProcessState.RUNNING, ProcessState.RESTING, ProcessState.CLOSED},
    ProcessState.RUNNING: {ProcessState.STOPPING},
    ProcessState.STOPPING: {ProcessState.RESTING, ProcessState.WAITING, ProcessState.CLOSED},
    ProcessState.RESTING: {ProcessState.WAITING, ProcessState.CLOSED},
    ProcessState.CLOSED: set[ProcessState](),
}
"""From each state, where it may go."""


class Wanted(StrEnum):
    """What its owner wants of it."""

    RUN = "run"
    RENEW = "renew"  # end this run in good order and begin another
    CLOSE = "close"


class IllegalMove(Exception):
    """The supervisor is at fault: MOVES does not allow this."""


class RunOver(Exception):
    """A run has come to its end; the message says why. `gently`: it may finish what it has."""

    def __init__(self, reason: str, *, gently: bool = True) -> None:
        super().__init__(reason)
        self.reason = reason
        self.gently = gently


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """Waits in seconds. The delay doubles from `first_delay` to `longest_delay` and starts anew after a run of `good_run`."""

    stall: float = 10.0
    first_delay: float = 0.5
    longest_delay: float = 30.0
    good_run: float = 30.0


class Watchdog:
    """Tells when input flows in and nothing comes out. Times in seconds, of any one clock."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._last_input: float | None = None
        self._owed_since: float | None = None

    def input_seen(self, now: float) -> None:
        paused = self._last_input is None or now - self._last_input > FLOW_GAP
        if self._owed_since is None or paused:
            self._owed_since = now
        self._last_input = now

    def output_seen(self) -> None:
        self._owed_since = None

    def reset(self) -> None:
        """A new run begins: nothing is owed."""
        self._last_input = self._owed_since = None

    def stalled(self, now: float) -> bool:
        if self._owed_since is None or self._last_input is None:
            return False
        return now - self._last_input <= FLOW_GAP and now - self._owed_since > self._patience


class Delays:
    """How long to rest after a run that ended by itself."""

    def __init__(self, patience: RestartPolicy) -> None:
        self._patience = patience
        self._next = patience.first_delay

    def after(self, run: float) -> float:
        """The seconds to rest after a run of `run` seconds."""
        if run >= self._patience.good_run:
            self._next = self._patience.first_delay
        delay, self._next = self._next, min(self._next * 2, self._patience.longest_delay)
        return delay


class Work(Protocol):
    """What a supervised process is for: its owner's side. Only `ready`, `start` and `attend` may wait."""

    async def ready(self) -> None:
        """Return when there is something to start for. May be cancelled."""

    async def start(self) -> Child:
        """Start the process. Errors: ProcessError."""

    async def attend(self, child: Child) -> None:
        """Feed the process, for ever; cancelled when the run is over."""

    def last_words(self, child: Child) -> None:
        """The run ends in good order, before its input is closed."""

    def ended(self) -> None:
        """The process is gone, or did not start."""

    def closed(self) -> None:
        """There will be no other run."""


class Supervisor:
    """Runs the process of `work` over and over until closed. `name` is for the log."""

    def __init__(self, name: str, work: Work, *, spawn: Spawn, patience: RestartPolicy | None = None) -> None:
        self._log = log.bind(transcoder=name)
        self._work = work
        patience = patience or RestartPolicy()
        self.watchdog = Watchdog(patience.stall)
        self._delays = Delays(patience)
        self._wanted = Wanted.RUN
        self._ordered = asyncio.Event()
        self._state = ProcessState.WAITING
        self._child: Child | None = None
        self._task = spawn(self._keep_running(), name=f"transcoder {name}")

    @property
    def state(self) -> ProcessState:
        return self._state

    @property
    def child(self) -> Child | None:
        """The process of the run that is going on."""
        return self._child

    def renew(self) -> None:
        """End the present run in good order and begin another; nothing happens when there is none."""
        if self._wanted is Wanted.RUN and self._state in (ProcessState.STARTING, ProcessState.RUNNING):
            self._wanted = Wanted.RENEW
            self._ordered.set()

    async def aclose(self) -> None:
        """End the process in good order, within CLOSE_TIMEOUT. Safe to call twice, also at the same time."""
        self._wanted = Wanted.CLOSE
        self._ordered.set()
        _, late = await asyncio.wait([self._task], timeout=CLOSE_TIMEOUT)
        for task in late:
            task.cancel()
            await asyncio.wait([task], timeout=CLOSE_TIMEOUT)

    async def _keep_running(self) -> None:
        try:
            while await self._unless_closed(self._work.ready()):
                rest = await self._run_once()
                if rest > 0 and not await self._rest(rest):
                    break
                if self._wanted is not Wanted.CLOSE:
                    self._move(ProcessState.WAITING)
        finally:
            self._move(ProcessState.CLOSED)
            self._work.closed()

    async def _run_once(self) -> float:
        """One run from start to end; the seconds to rest after it."""
        began = asyncio.get_running_loop().time()
        self._move(ProcessState.STARTING)
        self.watchdog.reset()
        try:
            self._child = await self._work.start()
        except ProcessError as failure:
            over = RunOver(str(failure), gently=False)
            self._log.error("transcoder does not start", reason=over.reason)
        else:
            over = await self._run(self._child)
        self._work.ended()
        ran = asyncio.get_running_loop().time() - began
        if self._wanted is Wanted.RENEW:
            self._wanted = Wanted.RUN
            self._ordered.clear()
        if over.gently and ran >= RENEW_FREELY:
            return 0.0
        return self._delays.after(ran)

    async def _run(self, child: Child) -> RunOver:
        self._move(ProcessState.RUNNING)
        over = RunOver("cancelled", gently=False)
        watches = (self._watch_orders(), self._watch_exit(child), self._watch_output(), self._work.attend(child))
        try:
            async with asyncio.TaskGroup() as group:
                for watch in watches:
                    group.create_task(watch)
        except* RunOver as ends:
            over = next(each for each in ends.exceptions if isinstance(each, RunOver))
        finally:
            await self._end(child, over)
        return over

    async def _end(self, child: Child, over: RunOver) -> None:
        self._move(ProcessState.STOPPING)
        if over.gently:
            self._work.last_words(child)
        else:
            child.kill()
        code: int | None = None
        try:
            code = await child.stop()
        except ProcessError as failure:  # it hangs in the kernel: another one may do its work
            self._log.error("transcoder cannot be ended", reason=str(failure))
        finally:
            self._child = None
        report = self._log.info if over.gently else self._log.warning
        report("transcoder run over", reason=over.reason, code=code, last_lines=child.log[-3:])

    async def _watch_orders(self) -> None:
        await self._ordered.wait()
        raise RunOver(self._wanted.value)

    async def _watch_exit(self, child: Child) -> None:
        raise RunOver(f"ended by itself with code {await child.wait()}", gently=False)

    async def _watch_output(self) -> None:
        loop = asyncio.get_running_loop()
        while not self.watchdog.stalled(loop.time()):  # noqa: ASYNC110 - time passing is no event
            await asyncio.sleep(WATCH_INTERVAL)
        raise RunOver("stalled: input flows, nothing comes out", gently=False)

    async def _rest(self, seconds: float) -> bool:
        """Wait; False when closed meanwhile."""
        if self._wanted is Wanted.CLOSE:
            return False
        self._move(ProcessState.RESTING)
        return await self._unless_closed(asyncio.sleep(seconds))

    async def _unless_closed(self, awaited: Awaitable[None]) -> bool:
        """Wait for `awaited`; False when the order to close came first."""
        done = False
        try:
            async with asyncio.TaskGroup() as group:
                orders = group.create_task(self._watch_orders())
                await awaited
                done = self._wanted is not Wanted.CLOSE
                orders.cancel()
        except* RunOver:
            done = False
        return done

    def _move(self, to: ProcessState) -> None:
        if to not in MOVES[self._state]:
            raise IllegalMove(f"{self._state} to {to}")
        self._state = to
