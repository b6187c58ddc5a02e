"""One ffmpeg process: start it, write to it, read from it, end it. Independent of its purpose.

ffmpeg never outlives the service. It runs in its own session, and `stop` ends with SIGKILL. If the service is killed, the kernel
closes ffmpeg's standard input, and ffmpeg exits by itself. (PR_SET_PDEATHSIG would need code between fork and exec, which is
unsafe with threads.) No other process holds that pipe, because descriptors are not inherited.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from providers.supervisor import ProcessError

LOG_LINES = 20
"""Lines of its standard error that are kept."""

LOG_LINE_SIZE = 300
"""Bytes of each line that are kept."""

_STREAM_KEY = re.compile(r"(rtmps?://[^/\s]+/[^/\s]+/)[^\s'\"]+")


@dataclass(frozen=True, slots=True)
class StopLimits:
    """The stages of stopping a process, in seconds."""

    end_of_input: float = 5.0
    """Time to exit after its standard input is closed. ffmpeg needs about 10 ms."""
    terminate: float = 2.0
    """Time to exit after SIGTERM, which an idle ffmpeg ignores."""
    kill: float = 2.0
    """Time that the kernel has to end it after SIGKILL."""
    drain: float = 1.0
    """Time to read the rest of its output from the pipes."""


class LogTail:
    """The last lines of a log that arrives in chunks; bounded, and without stream keys."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=LOG_LINES)
        self._open = b""

    def feed(self, data: bytes) -> None:
        """Add a chunk of the log."""
        *whole, self._open = (self._open + data).replace(b"\r", b"\n").split(b"\n")
        self._open = self._open[:LOG_LINE_SIZE]
        self._lines.extend(_readable(line) for line in whole if line.strip())

    def lines(self) -> list[str]:
        """Return the lines, oldest first; the last one may be incomplete."""
        return [*self._lines, _readable(self._open)] if self._open.strip() else list(self._lines)


def _readable(line: bytes) -> str:
    text = line[:LOG_LINE_SIZE].decode("utf-8", "replace").strip()
    return _STREAM_KEY.sub(r"\1***", text)


class _Sink(asyncio.Protocol):
    """Passes on the data of a pipe; `closed` is set at its end."""

    def __init__(self, on_data: Callable[[bytes], None]) -> None:
        self._on_data = on_data
        self.closed = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        self._on_data(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed.set()


class Child:
    """A running process; make it with `start_child`."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        sinks: Sequence[_Sink],
        pipes: _Pipes,
        log: LogTail,
        limits: StopLimits,
    ) -> None:
        assert process.stdin is not None  # noqa: S101 - start_child asks for it
        self._process = process
        self._stdin = process.stdin
        self._sinks = sinks
        self._pipes = pipes
        self._log = log
        self._limits = limits

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit code; None while it runs, negative for the signal that ended it."""
        return self._process.returncode

    @property
    def log(self) -> list[str]:
        """The last lines of its standard error."""
        return self._log.lines()

    async def write(self, data: bytes) -> None:
        """Write `data` and wait until the buffer is drained. Do nothing if it has ended; `wait` reports that."""
        self.write_soon(data)
        try:
            await self._stdin.drain()
        except OSError:
            return

    def write_soon(self, data: bytes) -> None:
        """Write `data` without back-pressure: for the end of the input."""
        if self.returncode is None:
            self._stdin.write(data)

    def end_input(self) -> None:
        """Close its standard input after the data written so far: ffmpeg then exits. Safe to call twice."""
        self._stdin.close()

    async def wait(self) -> int:
        """Return its exit code once it has ended."""
        return await self._process.wait()

    async def stop(self) -> int:
        """End it: close its input, then SIGTERM, then SIGKILL. Return the exit code after all output was passed on.

        Takes at most the sum of the StopLimits. Safe to call twice and after it has ended. If cancelled, kill it at once.

        Raises:
            ProcessError: It survives SIGKILL.
        """
        try:
            self.end_input()
            if not await self._ended(self._limits.end_of_input):
                self._signal(signal.SIGTERM)
                await self._ended(self._limits.terminate)
        finally:
            self.kill()
            await self._reap()
        return await self._process.wait()

    def kill(self) -> None:
        """Send SIGKILL to it and its children; return at once."""
        self._signal(signal.SIGKILL)

    async def _reap(self) -> None:
        if not await self._ended(self._limits.kill):
            raise ProcessError(f"process {self.pid} survives SIGKILL")
        try:
            async with asyncio.timeout(self._limits.drain):
                for sink in self._sinks:
                    await sink.closed.wait()
        except TimeoutError:
            pass
        self._pipes.close()

    async def _ended(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._process.wait()
        except TimeoutError:
            return False
        return True

    def _signal(self, number: signal.Signals) -> None:
        if self.returncode is not None:
            return
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            return


async def start_child(
    arguments: Callable[[Sequence[int]], Sequence[str]],
    outputs: Sequence[Callable[[bytes], None]] = (),
    *,
    stdout: Callable[[bytes], None] | None = None,
    stop_limits: StopLimits | None = None,
) -> Child:
    """Start a process with a pipe for each output.

    Args:
        arguments: Returns the command line, given the file descriptors of `outputs` in the process.
        outputs: Each is called at once with the data of its pipe, and must not raise.
        stdout: The same for standard output; discarded if None.
        stop_limits: How long the stages of `Child.stop` take.

    Raises:
        ProcessError: It cannot be started.
    """
    log = LogTail()
    sinks = [_Sink(handler) for handler in (*outputs, log.feed, *filter(None, [stdout]))]
    pipes = _Pipes()
    try:
        for sink in sinks:
            await pipes.open(sink)
        numbers = pipes.write_ends[: len(outputs)]
        process = await asyncio.create_subprocess_exec(
            *arguments(numbers),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL if stdout is None else pipes.write_ends[-1],
            stderr=pipes.write_ends[len(outputs)],
            pass_fds=numbers,
            # A group of its own: Ctrl+C reaches the service only, which ends its children in order, and killpg reaches theirs.
            start_new_session=True,
        )
    except OSError as failure:
        pipes.close()
        raise ProcessError(f"cannot start ffmpeg: {failure}") from failure
    except BaseException:
        pipes.close()
        raise
    finally:
        # As long as this process holds them, too, the read ends do not see the end of the child's output.
        pipes.close_write_ends()
    return Child(process, sinks, pipes, log, stop_limits or StopLimits())


class _Pipes:
    """The pipes that a process writes to. Their write ends belong to the process once it runs."""

    def __init__(self) -> None:
        self.write_ends: list[int] = []
        self._transports: list[asyncio.ReadTransport] = []

    async def open(self, sink: _Sink) -> None:
        read_end, write_end = os.pipe()
        self.write_ends.append(write_end)
        source = os.fdopen(read_end, "rb", buffering=0)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: sink, source)
        self._transports.append(transport)

    def close_write_ends(self) -> None:
        while self.write_ends:
            os.close(self.write_ends.pop())

    def close(self) -> None:
        for transport in self._transports:
            transport.close()


async def run_to_end(arguments: Sequence[str], *, stdin: bytes = b"", timeout: float, max_output: int) -> bytes:
    """Run a process to its end and return its standard output.

    Args:
        arguments: The command line.
        stdin: Its standard input.
        timeout: Seconds that it may take.
        max_output: Bytes that it may write.

    Raises:
        ProcessError: It failed or exceeded a limit.
    """
    output = bytearray()
    child = await start_child(lambda _: arguments, stdout=output.extend)
    try:
        async with asyncio.timeout(timeout):
            await child.write(stdin)
            child.end_input()
            await child.wait()
    except TimeoutError as failure:
        raise ProcessError(f"ffmpeg took longer than {timeout:g} s") from failure
    finally:
        child.kill()
        code = await child.stop()
    if code != 0:
        raise ProcessError(f"ffmpeg exited with code {code}: {' / '.join(child.log[-3:])}")
    if len(output) > max_output:
        raise ProcessError(f"ffmpeg wrote {len(output)} bytes, the limit is {max_output}")
    return bytes(output)
