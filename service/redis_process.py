"""A running redis-server, as the supervisor handles it."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import structlog

from providers.supervisor import ProcessError

log = structlog.get_logger(__name__)

STOP_TIMEOUT = 5.0
"""Seconds that a server has to write its data and exit before it is killed."""

KILL_TIMEOUT = 2.0
"""Seconds that the kernel has to end it after SIGKILL."""

LOG_SIZE = 300
"""Bytes from the end of the server's log that are reported."""


class RedisProcess:
    """A running redis-server: `supervisor.Process`."""

    def __init__(self, process: asyncio.subprocess.Process, output: Path) -> None:
        self._process = process
        self._output = output

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit code; None while it runs."""
        return self._process.returncode

    @property
    def log(self) -> list[str]:
        """The last lines of its log."""
        return self._output.read_text(errors="replace").strip()[-LOG_SIZE:].split("\n")[-3:]

    async def wait(self) -> int:
        """Return the exit code once it has ended."""
        return await self._process.wait()

    async def stop(self) -> int:
        """Send SIGTERM, on which it writes its data, then SIGKILL. Return the exit code. Raise ProcessError."""
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
            if not await self._ended(STOP_TIMEOUT):
                log.warning("private redis did not stop and was killed", pid=self.pid)
                self.kill()
                if not await self._ended(KILL_TIMEOUT):
                    raise ProcessError(f"process {self.pid} survives SIGKILL")
        return await self._process.wait()

    def kill(self) -> None:
        """Send SIGKILL; return at once."""
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    async def _ended(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._process.wait()
        except TimeoutError:
            return False
        return True
