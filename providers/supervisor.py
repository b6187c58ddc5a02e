"""Supervises a child process: one state table, a watchdog, a growing restart delay, a bounded stop.

The transcoder runs ffmpeg with it, and the service runs its private Redis with it. It stands here because `providers` never
imports `service`, and both need it.

::

    waiting ──▶ starting ──▶ running ──▶ stopping ──▶ waiting            (renewed: the next run starts at once)
       ▲           └────────────────────────┴──▶ backoff ──▶ waiting     (failed: the delay grows)
       └── closed is reached from every state; from running by way of stopping
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, Protocol, TypeVar

import structlog

from providers.base import Spawn

log = structlog.get_logger(__name__)

FLOW_GAP = 1.0
"""Seconds without input after which no output is expected."""

WATCH_INTERVAL = 0.5
"""Seconds between two checks of the watchdog."""

RENEW_FREELY = 2.0
"""A run of at least this many seconds may be renewed without delay. An encoder that keeps changing its headers may not."""

CLOSE_TIMEOUT = 12.0
"""The most seconds that `aclose` takes: longer than the waits of any `Process.stop` together."""

LOG_LINES = 3
"""Lines of the process's output that are logged when it ends."""


class ProcessState(StrEnum):
    """The state of a supervised process."""

    WAITING = "waiting"  # nothing to do yet: no input, or no free slot
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    BACKOFF = "backoff"  # the delay before the next attempt
    CLOSED = "closed"


MOVES = {
    ProcessState.WAITING: {ProcessState.STARTING, ProcessState.CLOSED},
    ProcessState.STARTING: {ProcessState.RUNNING, ProcessState.BACKOFF, ProcessState.CLOSED},
    ProcessState.RUNNING: {ProcessState.STOPPING},
    ProcessState.STOPPING: {ProcessState.BACKOFF, ProcessState.WAITING, ProcessState.CLOSED},
    ProcessState.BACKOFF: {ProcessState.WAITING, ProcessState.CLOSED},
    ProcessState.CLOSED: set[ProcessState](),
}
"""The states that may follow each state."""


class Wanted(StrEnum):
    """What the owner wants."""

    RUN = "run"
    RENEW = "renew"  # end this run gracefully and start another
    CLOSE = "close"


class ProcessError(Exception):
    """A process could not be started, did not stop, or did not do its work."""


class IllegalProcessMove(Exception):
    """MOVES does not allow this transition: a bug in the supervisor."""


def moved(before: ProcessState, to: ProcessState) -> ProcessState:
    """Return the new state. Raises IllegalProcessMove."""
    if to not in MOVES[before]:
        raise IllegalProcessMove(f"{before} to {to}")
    return to


class RunOver(Exception):
    """A run ends; the message is the reason. `graceful`: the process may finish what it has."""

    def __init__(self, reason: str, *, graceful: bool = True) -> None:
        super().__init__(reason)
        self.reason = reason
        self.graceful = graceful


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """Waits in seconds. The delay doubles from `first_delay` to `longest_delay`; a run of `good_run` resets it.

    `stall`: how long input may flow without any output before the process is killed.
    """

    stall: float = 10.0
    first_delay: float = 0.5
    longest_delay: float = 30.0
    good_run: float = 30.0


class Watchdog:
    """Detects that input flows and no output comes. Times in seconds of any one clock."""

    def __init__(self, stall: float) -> None:
        self._stall = stall
        self._last_input: float | None = None
        self._owed_since: float | None = None

    def input_seen(self, now: float) -> None:
        """Record that the process got input."""
        paused = self._last_input is None or now - self._last_input > FLOW_GAP
        if self._owed_since is None or paused:
            self._owed_since = now
        self._last_input = now

    def output_seen(self) -> None:
        """Record that the process wrote output."""
        self._owed_since = None

    def reset(self) -> None:
        """Begin a new run: no output is expected yet."""
        self._last_input = self._owed_since = None

    def stalled(self, now: float) -> bool:
        """Return whether the process has stalled. Without input, such as for a server, it never has."""
        if self._owed_since is None or self._last_input is None:
            return False
        return now - self._last_input <= FLOW_GAP and now - self._owed_since > self._stall


class Delays:
    """The delays before restarts."""

    def __init__(self, policy: RestartPolicy) -> None:
        self._policy = policy
        self._next = policy.first_delay

    def after(self, run: float) -> float:
        """Return the delay after a run of `run` seconds, in seconds."""
        if run >= self._policy.good_run:
            self._next = self._policy.first_delay
        delay, self._next = self._next, min(self._next * 2, self._policy.longest_delay)
        return delay


class Process(Protocol):
    """A running process."""

    @property
    def pid(self) -> int: ...

    @property
    def log(self) -> Sequence[str]:
        """The last lines of its output."""

    async def wait(self) -> int:
        """Return the exit code once it has ended."""

    async def stop(self) -> int:
        """End it within a bounded time and return the exit code. Raise ProcessError if it survives SIGKILL."""

    def kill(self) -> None:
        """Send SIGKILL; return at once."""


P = TypeVar("P", bound=Process)


class Work(Protocol[P]):
    """The owner's side of a supervised process. Only `ready`, `start` and `feed` may wait."""

    async def ready(self) -> None:
        """Return when there is a reason to start. May be cancelled."""

    async def start(self) -> P:
        """Start the process. Raise ProcessError."""

    async def feed(self, process: P) -> None:
        """Write input to the process until cancelled at the end of the run."""

    def finish(self, process: P) -> None:
        """Write the last input of a run that ends gracefully; its input is closed afterwards."""

    def ended(self) -> None:
        """Handle the end of the process, or a failed start."""

    def closed(self) -> None:
        """Handle the end of supervision: no other run follows."""


class Supervisor(Generic[P]):
    """Runs the process of `work` again and again until closed. `name` is for the log."""

    def __init__(self, name: str, work: Work[P], *, spawn: Spawn, policy: RestartPolicy | None = None) -> None:
        self._log = log.bind(process=name)
        self._work = work
        policy = policy or RestartPolicy()
        self.watchdog = Watchdog(policy.stall)
        self._delays = Delays(policy)
        self._wanted = Wanted.RUN
        self._ordered = asyncio.Event()
        self._state = ProcessState.WAITING
        self._process: P | None = None
        self._task = spawn(self._keep_running(), name=name)

    @property
    def state(self) -> ProcessState:
        """The state now."""
        return self._state

    @property
    def process(self) -> P | None:
        """The process of the current run."""
        return self._process

    def renew(self) -> None:
        """End the current run gracefully and start another. Do nothing if there is none."""
        if self._wanted is Wanted.RUN and self._state in (ProcessState.STARTING, ProcessState.RUNNING):
            self._wanted = Wanted.RENEW
            self._ordered.set()

    async def aclose(self) -> None:
        """End the process gracefully, within CLOSE_TIMEOUT. Safe to call twice, also concurrently."""
        self._wanted = Wanted.CLOSE
        self._ordered.set()
        _, late = await asyncio.wait([self._task], timeout=CLOSE_TIMEOUT)
        for task in late:
            task.cancel()
            await asyncio.wait([task], timeout=CLOSE_TIMEOUT)

    async def _keep_running(self) -> None:
        try:
            while await self._unless_closed(self._work.ready()):
                delay = await self._run_once()
                if delay > 0 and not await self._back_off(delay):
                    break
                if self._wanted is not Wanted.CLOSE:
                    self._move(ProcessState.WAITING)
        finally:
            self._move(ProcessState.CLOSED)
            self._work.closed()

    async def _run_once(self) -> float:
        """Run the process from start to end. Return the delay before the next run in seconds."""
        began = asyncio.get_running_loop().time()
        self._move(ProcessState.STARTING)
        self.watchdog.reset()
        try:
            self._process = await self._work.start()
        except ProcessError as failure:
            over = RunOver(str(failure), graceful=False)
            self._log.error("process did not start", reason=over.reason)
        else:
            over = await self._run(self._process)
        self._work.ended()
        ran = asyncio.get_running_loop().time() - began
        if self._wanted is Wanted.RENEW:
            self._wanted = Wanted.RUN
            self._ordered.clear()
        if over.graceful and ran >= RENEW_FREELY:
            return 0.0
        return self._delays.after(ran)

    async def _run(self, process: P) -> RunOver:
        self._move(ProcessState.RUNNING)
        over = RunOver("cancelled", graceful=False)
        watches = (self._watch_requests(), self._watch_exit(process), self._watch_output(), self._work.feed(process))
        try:
            async with asyncio.TaskGroup() as group:
                for watch in watches:
                    group.create_task(watch)
        except* RunOver as ends:
            over = next(each for each in ends.exceptions if isinstance(each, RunOver))
        finally:
            await self._end(process, over)
        return over

    async def _end(self, process: P, over: RunOver) -> None:
        self._move(ProcessState.STOPPING)
        if over.graceful:
            self._work.finish(process)
        else:
            process.kill()
        code: int | None = None
        try:
            code = await process.stop()
        except ProcessError as failure:  # it hangs in the kernel; a new process may take over its work
            self._log.error("process did not stop", reason=str(failure))
        finally:
            self._process = None
        report = self._log.info if over.graceful else self._log.warning
        report("process ended", reason=over.reason, code=code, last_lines=process.log[-LOG_LINES:])

    async def _watch_requests(self) -> None:
        await self._ordered.wait()
        raise RunOver(self._wanted.value)

    async def _watch_exit(self, process: P) -> None:
        raise RunOver(f"exited with code {await process.wait()}", graceful=False)

    async def _watch_output(self) -> None:
        loop = asyncio.get_running_loop()
        while not self.watchdog.stalled(loop.time()):  # noqa: ASYNC110 - no event marks the passing of time
            await asyncio.sleep(WATCH_INTERVAL)
        raise RunOver("stalled: input flows, no output comes", graceful=False)

    async def _back_off(self, seconds: float) -> bool:
        """Wait before a restart. Return False if closed meanwhile."""
        if self._wanted is Wanted.CLOSE:
            return False
        self._move(ProcessState.BACKOFF)
        self._log.info("process restart scheduled", delay=seconds)
        return await self._unless_closed(asyncio.sleep(seconds))

    async def _unless_closed(self, awaited: Awaitable[None]) -> bool:
        """Wait for `awaited`. Return False if the supervisor is closed first."""
        done = False
        try:
            async with asyncio.TaskGroup() as group:
                requests = group.create_task(self._watch_requests())
                await awaited
                done = self._wanted is not Wanted.CLOSE
                requests.cancel()
        except* RunOver:
            done = False
        return done

    def _move(self, to: ProcessState) -> None:
        self._state = moved(self._state, to)
