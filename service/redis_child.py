"""A private Redis: a redis-server child process on a Unix socket, for an installation without a Redis of its own.

It stores the viewer windows. On a normal stop it writes them to the data directory, and the next server reads them, so the
viewer count survives a restart. If the service is killed, Linux sends the child SIGTERM, with the same effect. On other systems
the child stays behind: the next start stops it and replaces it. A lock keeps a second service out of the data directory.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import shutil
import tempfile
from asyncio.subprocess import DEVNULL
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import IO

import structlog
from redis import asyncio as aioredis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisGone
from redis.exceptions import RedisError

from providers.base import Spawn
from providers.supervisor import ProcessError, ProcessState, RestartPolicy, Supervisor
from service.redis_process import STOP_TIMEOUT, RedisProcess

log = structlog.get_logger(__name__)

PROGRAM = "redis-server"

START_TIMEOUT = 10.0
"""Seconds that a new server has to answer."""

ANSWER_TIMEOUT = 1.0
"""The most seconds for one command."""

PROBE_INTERVAL = 0.02
"""Seconds between two checks of a server that is starting or stopping."""

RESTARTS = RestartPolicy(first_delay=0.1, longest_delay=5.0, good_run=30.0)

SOCKET_PATH_LIMIT = 100
"""The longest path of a Unix socket in bytes; the kernel's limit is 107."""

MAX_MEMORY = "256mb"
"""Enough for some 2 million viewers. Over the limit Redis refuses writes."""


class PrivateRedisError(ProcessError):
    """The private Redis could not be started."""


def installed() -> bool:
    """Return whether redis-server is on the PATH."""
    return shutil.which(PROGRAM) is not None


class PrivateRedis:
    """A redis-server child process, kept running until `aclose`.

    `directory` is created if it does not exist; nothing else may use it.
    """

    def __init__(self, directory: Path, spawn: Spawn) -> None:
        self._directory = directory
        self._spawn = spawn
        self._socket = _socket_path(directory)
        self._supervisor: Supervisor[RedisProcess] | None = None
        self._lock: IO[str] | None = None

    @property
    def state(self) -> ProcessState:
        """The state of the process; CLOSED before the start."""
        return self._supervisor.state if self._supervisor else ProcessState.CLOSED

    @property
    def url(self) -> str:
        """The URL for a Redis client; the same across restarts."""
        return f"unix://{self._socket}"

    @property
    def pid(self) -> int | None:
        """The process id; None while no process runs."""
        process = self._supervisor.process if self._supervisor else None
        return process.pid if process else None

    async def start(self) -> None:
        """Return when the server answers commands. Call once. Raise PrivateRedisError."""
        try:
            self._lock_directory()
            await self._replace_leftover()
            work = _RedisWork(self._launch)
            self._supervisor = Supervisor("private redis", work, spawn=self._spawn, policy=RESTARTS)
            await work.first_start
        except BaseException:
            await self.aclose()
            raise

    async def aclose(self) -> None:
        """Stop the server within `supervisor.CLOSE_TIMEOUT`. Safe to call twice and in every state."""
        try:
            if self._supervisor is not None:
                await self._supervisor.aclose()
        finally:
            if self._lock is not None:
                self._lock.close()

    def _lock_directory(self) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        self._directory.chmod(0o700)
        self._socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._socket.parent.stat().st_uid != os.geteuid():
            raise PrivateRedisError(f"{self._socket.parent} belongs to another user")
        self._lock = (self._directory / "lock").open("w")
        try:
            # The kernel releases it when the process ends, however it ends (flock(2)).
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise PrivateRedisError(f"another service uses {self._directory}") from None

    async def _replace_leftover(self) -> None:
        """Stop the server of a service that was killed. This service holds the lock, so no other service uses it."""
        deadline = asyncio.get_running_loop().time() + STOP_TIMEOUT
        while await self._command("SHUTDOWN", "SAVE"):
            if asyncio.get_running_loop().time() > deadline:
                raise PrivateRedisError(f"an old Redis on {self._socket} does not stop")
            await asyncio.sleep(PROBE_INTERVAL)
        self._socket.unlink(missing_ok=True)

    async def _launch(self) -> RedisProcess:
        """Start a server and wait until it answers. Raise PrivateRedisError."""
        program = shutil.which(PROGRAM)
        if program is None:
            raise PrivateRedisError(f"{PROGRAM} is not installed")
        output = self._directory / "redis.log"
        try:
            with output.open("wb") as file:
                process = RedisProcess(
                    await asyncio.create_subprocess_exec(
                        *_die_with_parent(), program, *self._options(),
                        cwd=self._directory, stdin=DEVNULL, stdout=file, stderr=file, start_new_session=True,
                    ),
                    output,
                )  # fmt: skip
        except OSError as problem:  # no process, file or memory available: a later attempt may succeed
            raise PrivateRedisError(f"cannot start {PROGRAM}: {problem}") from problem
        try:
            await self._until_answering(process)
        except BaseException:
            await process.stop()
            raise
        log.info("private redis started", pid=process.pid)
        return process

    async def _until_answering(self, process: RedisProcess) -> None:
        try:
            async with asyncio.timeout(START_TIMEOUT):
                while not await self._command("PING"):
                    if process.returncode is not None:
                        raise PrivateRedisError(f"{PROGRAM} exited at once: {' '.join(process.log)}")
                    await asyncio.sleep(PROBE_INTERVAL)
        except TimeoutError:
            raise PrivateRedisError(f"{PROGRAM} did not answer within {START_TIMEOUT:.0f} s") from None

    def _options(self) -> list[str]:
        options = {
            "port": "0",
            "unixsocket": str(self._socket),
            # The only protection: there is no password, and no port.
            "unixsocketperm": "700",
            "dir": str(self._directory),
            "dbfilename": "viewers.rdb",
            # Redis saves on SIGTERM only if it has a save point; this one is never reached, so it never saves earlier.
            "save": "86400 1000000000",
            "appendonly": "no",
            "daemonize": "no",
            "maxmemory": MAX_MEMORY,
            # An evicted set would be counted as no viewers; a refused write is noticed.
            "maxmemory-policy": "noeviction",
        }
        return [part for name, value in options.items() for part in (f"--{name}", value)]

    async def _command(self, *words: str) -> bool:
        """Send a command. Return whether a server accepted it; False if none listens."""
        if not self._socket.exists():
            return False
        client = aioredis.Redis(
            unix_socket_path=str(self._socket), socket_timeout=ANSWER_TIMEOUT, retry=Retry(NoBackoff(), 0)
        )
        try:
            await client.execute_command(*words)  # type: ignore[no-untyped-call]
        except (RedisGone, FileNotFoundError, ConnectionError):
            return False
        except RedisError:
            return words[0] != "PING"  # it loads or saves its data: present, but not ready
        finally:
            await client.aclose()
        return True


class _RedisWork:
    """The owner's side of the supervisor: `supervisor.Work`. A server needs no input, so it only has to be started."""

    def __init__(self, launch: Callable[[], Awaitable[RedisProcess]]) -> None:
        self._launch = launch
        self.first_start = asyncio.get_running_loop().create_future()

    async def ready(self) -> None:
        return

    async def start(self) -> RedisProcess:
        try:
            process = await self._launch()
        except PrivateRedisError as error:
            if not self.first_start.done():
                self.first_start.set_exception(error)
            raise
        if not self.first_start.done():
            self.first_start.set_result(None)
        return process

    async def feed(self, process: RedisProcess) -> None:
        return

    def finish(self, process: RedisProcess) -> None:
        return

    def ended(self) -> None:
        return

    def closed(self) -> None:
        self.first_start.cancel()


def _die_with_parent() -> list[str]:
    """Return a command prefix that makes the kernel send SIGTERM to the child when its parent dies (util-linux; Linux only)."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM", "--"] if setpriv else []


def _socket_path(directory: Path) -> Path:
    """Return the socket's path: in the data directory if short enough, else in a private temporary directory."""
    here = directory / "redis.sock"
    if len(os.fsencode(here)) <= SOCKET_PATH_LIMIT:
        return here
    digest = hashlib.sha256(os.fsencode(directory)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"conference-{os.geteuid()}-{digest}" / "redis.sock"
