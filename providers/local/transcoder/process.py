"""One ffmpeg process: start it, feed it, hear it, end it. Nothing here knows what it is for.

An ffmpeg of ours never outlives us: it runs in a session of its own, `stop` ends in SIGKILL, and when we are killed ourselves the
kernel closes its standard input, at which ffmpeg finishes by itself (PR_SET_PDEATHSIG would need code between fork and exec,
which is unsafe beside threads). No other process holds that pipe: our descriptors are not inherited.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections import deque
from collections.abc import Callable, Sequence

END_OF_INPUT_WAIT = 5.0
"""Seconds a process has to end after its standard input was closed; ffmpeg needs some 10 ms."""

TERMINATE_WAIT = 2.0
"""Seconds it has after SIGTERM, which an idle ffmpeg does not even notice."""

KILL_WAIT = 2.0
"""Seconds the kernel has to end it after SIGKILL."""

LAST_WORDS_WAIT = 1.0
"""Seconds to read what it left in its pipes."""

LOG_LINES = 20
"""Lines of its log that are kept."""

LOG_LINE_SIZE = 300
"""Bytes of a line that are kept."""

_ADDRESS = re.compile(r"(rtmps?://[^/\s]+/[^/\s]+/)[^\s'\"]+")


class ProcessError(Exception):
    """A process could not be started, or did not do its work."""


class LogTail:
    """The last lines of a log that comes in pieces; bounded, and without stream keys."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=LOG_LINES)
        self._open = b""

    def feed(self, data: bytes) -> None:
        *whole, self._open = (self._open + data).replace(b"\r", b"\n").split(b"\n")
        self._open = self._open[:LOG_LINE_SIZE]
        self._lines.extend(_readable(line) for line in whole if line.strip())

    def lines(self) -> list[str]:
        """Oldest first; the last one may be unfinished."""
        return [*self._lines, _readable(self._open)] if self._open.strip() else list(self._lines)


def _readable(line: bytes) -> str:
    text = line[:LOG_LINE_SIZE].decode("utf-8", "replace").strip()
    return _ADDRESS.sub(r"\1***", text)


class _Sink(asyncio.Protocol):
    """Hands on what comes out of a pipe; `closed` is set at its end."""

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
        self, process: asyncio.subprocess.Process, sinks: Sequence[_Sink], pipes: _Pipes, log: LogTail
    ) -> None:
        assert process.stdin is not None  # noqa: S101 - start_child asks for it
        self._process = process
        self._stdin = process.stdin
        self._sinks = sinks
        self._pipes = pipes
        self._log = log

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """None while it runs; negative for the signal that ended it."""
        return self._process.returncode

    @property
    def log(self) -> list[str]:
        """The last lines it wrote to standard error."""
        return self._log.lines()

    async def write(self, data: bytes) -> None:
        """Give it `data`; returns when it (nearly) took it. Silent when it is gone: `wait` tells."""
        self.write_soon(data)
        try:
            await self._stdin.drain()
        except OSError:
            return

    def write_soon(self, data: bytes) -> None:
        """Like `write`, without back-pressure: for last words."""
        if self.returncode is None:
            self._stdin.write(data)

    def end_input(self) -> None:
        """Close its standard input, once it took what was written: ffmpeg finishes then. Safe to call twice."""
        self._stdin.close()

    async def wait(self) -> int:
        """Its exit code, once it ended."""
        return await self._process.wait()

    async def stop(self) -> int:
        """End it: close its input, then SIGTERM, then SIGKILL. The exit code; what it wrote last has been handed on.

        Takes at most the sum of the waits above. Safe to call twice, and when it is gone. Cancelled, it kills at once.
        """
        try:
            self.end_input()
            if not await self._ended(END_OF_INPUT_WAIT):
                self._signal(signal.SIGTERM)
                await self._ended(TERMINATE_WAIT)
        finally:
            self.kill()
            await self._reap()
        return await self._process.wait()

    def kill(self) -> None:
        """SIGKILL to it and all it may have started; no wait."""
        self._signal(signal.SIGKILL)

    async def _reap(self) -> None:
        if not await self._ended(KILL_WAIT):
            raise ProcessError(f"process {self.pid} survives SIGKILL")
        try:
            async with asyncio.timeout(LAST_WORDS_WAIT):
                for sink in self._sinks:
                    await sink.closed.wait()
        except TimeoutError:
            pass
        self._pipes.close()

    async def _ended(self, patience: float) -> bool:
        try:
            async with asyncio.timeout(patience):
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
) -> Child:
    """Start a process with a pipe per output; `arguments` gets the file descriptors they have in it.

    `outputs` and `stdout` are called with what it writes to each: at once, and they must not raise. Errors: ProcessError.
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
            start_new_session=True,
        )
    except OSError as failure:
        pipes.close()
        raise ProcessError(f"cannot start ffmpeg: {failure}") from failure
    except BaseException:
        pipes.close()
        raise
    finally:
        pipes.close_write_ends()
    return Child(process, sinks, pipes, log)


class _Pipes:
    """The pipes a process writes to; their write ends are the process's as soon as it runs."""

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
    """What a short-lived process writes to its standard output.

    `timeout` in seconds; more than `max_output` bytes are refused. Errors: ProcessError.
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
        raise ProcessError(f"ffmpeg ended with code {code}: {' / '.join(child.log[-3:])}")
    if len(output) > max_output:
        raise ProcessError(f"ffmpeg wrote {len(output)} bytes, at most {max_output} are taken")
    return bytes(output)
