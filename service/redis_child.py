"""A private Redis: a redis-server child on a unix socket, for an installation that names no Redis of its own.

It holds the viewer windows. On a normal stop, and on Linux also when we are killed (the kernel then sends it TERM), it
writes them to the data directory, and the next one reads them: the count survives a restart. One that was left behind all
the same (a kernel without that signal) still answers on the socket; the next start ends it and takes its place. Two
services on one data directory are told apart by a lock, never by guessing.

::

    stopped ──▶ starting ──▶ running ──▶ waiting ──▶ starting …     (it died; the delay grows)
       ▲           └────────────┴───────────┴──▶ stopping ──┐
       └────────────────────────────────────────────────────┘
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import os
import shutil
import tempfile
from asyncio.subprocess import DEVNULL, Process
from enum import StrEnum
from pathlib import Path
from typing import IO

import structlog
from redis import asyncio as aioredis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisGone
from redis.exceptions import RedisError

from providers.base import Spawn

log = structlog.get_logger(__name__)

PROGRAM = "redis-server"

START_TIMEOUT = 10.0
"""Seconds a new server has to answer."""

STOP_TIMEOUT = 5.0
"""Seconds a server has to write its data and end before it is killed."""

ANSWER_TIMEOUT = 1.0
"""Seconds one command may take."""

PROBE_INTERVAL = 0.02
"""Seconds between two looks at a server that is starting or stopping."""

RESTART_DELAYS = (0.1, 0.5, 1.0, 2.0, 5.0)
"""Seconds before each further restart; the last one stays."""

STEADY_AFTER = 30.0
"""Seconds of running after which the delays begin anew."""

SOCKET_PATH_LIMIT = 100
"""The longest path of a unix socket we use; the kernel takes 107 bytes."""

MAX_MEMORY = "256mb"
"""Some 2 million visitors; beyond it Redis refuses to write rather than to grow."""


class RedisState(StrEnum):
    """Where the child stands."""

    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"
    WAITING = "waiting"
    STOPPING = "stopping"


MOVES: dict[RedisState, frozenset[RedisState]] = {
    RedisState.STOPPED: frozenset({RedisState.STARTING, RedisState.STOPPING}),
    RedisState.STARTING: frozenset({RedisState.RUNNING, RedisState.WAITING, RedisState.STOPPING}),
    RedisState.RUNNING: frozenset({RedisState.WAITING, RedisState.STOPPING}),
    RedisState.WAITING: frozenset({RedisState.STARTING, RedisState.STOPPING}),
    RedisState.STOPPING: frozenset({RedisState.STOPPED}),
}


class PrivateRedisError(Exception):
    """The private Redis could not be started."""


def installed() -> bool:
    """Whether there is a redis-server to run."""
    return shutil.which(PROGRAM) is not None


class PrivateRedis:
    """One redis-server child, kept running until `aclose`. `directory` is made if missing and belongs to it alone."""

    def __init__(self, directory: Path, spawn: Spawn) -> None:
        self._directory = directory
        self._spawn = spawn
        self._socket = _socket_path(directory)
        self._state = RedisState.STOPPED
        self._process: Process | None = None
        self._lock: IO[str] | None = None
        self._keeper: asyncio.Task[None] | None = None

    @property
    def state(self) -> RedisState:
        return self._state

    @property
    def url(self) -> str:
        """What a Redis client connects to; the same across restarts."""
        return f"unix://{self._socket}"

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    async def start(self) -> None:
        """Return when commands are answered. Errors: PrivateRedisError. Called once."""
        self._move(RedisState.STARTING)
        try:
            self._take_directory()
            await self._replace_leftover()
            await self._launch()
        except BaseException:
            await self.aclose()
            raise
        self._move(RedisState.RUNNING)
        self._keeper = self._spawn(self._keep(), name="private redis")

    async def aclose(self) -> None:
        """Stop within STOP_TIMEOUT; safe to call twice and in every state."""
        if self._state in (RedisState.STOPPED, RedisState.STOPPING):
            return
        self._move(RedisState.STOPPING)
        try:
            if self._keeper is not None:
                self._keeper.cancel()
                await asyncio.wait([self._keeper])
            await self._end_process()
        finally:
            if self._lock is not None:
                self._lock.close()
            self._move(RedisState.STOPPED)

    def _move(self, to: RedisState) -> None:
        if to not in MOVES[self._state]:
            raise RuntimeError(f"private redis: {self._state} → {to} is not a legal move")
        self._state = to

    def _take_directory(self) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        self._directory.chmod(0o700)
        self._socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._socket.parent.stat().st_uid != os.geteuid():
            raise PrivateRedisError(f"{self._socket.parent} belongs to somebody else")
        self._lock = (self._directory / "lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise PrivateRedisError(f"another service uses {self._directory}") from None

    async def _replace_leftover(self) -> None:
        """End a server an earlier, killed service left behind: we hold the lock, so it is nobody's."""
        deadline = asyncio.get_running_loop().time() + STOP_TIMEOUT
        while await self._command("SHUTDOWN", "SAVE"):
            if asyncio.get_running_loop().time() > deadline:
                raise PrivateRedisError(f"a Redis left behind on {self._socket} does not stop")
            await asyncio.sleep(PROBE_INTERVAL)
        self._socket.unlink(missing_ok=True)

    async def _launch(self) -> None:
        program = shutil.which(PROGRAM)
        if program is None:
            raise PrivateRedisError(f"{PROGRAM} is not installed")
        with (self._directory / "redis.log").open("wb") as output:
            self._process = await asyncio.create_subprocess_exec(
                *_die_with_us(), program, *self._options(),
                cwd=self._directory, stdin=DEVNULL, stdout=output, stderr=output, start_new_session=True,
            )  # fmt: skip
        try:
            async with asyncio.timeout(START_TIMEOUT):
                while not await self._command("PING"):
                    if self._process.returncode is not None:
                        raise PrivateRedisError(f"{PROGRAM} ended at once: {self._last_words()}")
                    await asyncio.sleep(PROBE_INTERVAL)
        except TimeoutError:
            await self._end_process()
            raise PrivateRedisError(f"{PROGRAM} did not answer within {START_TIMEOUT:.0f} s") from None
        log.info("private redis started", pid=self._process.pid)

    def _options(self) -> list[str]:
        options = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(self._directory),
            "dbfilename": "viewers.rdb",
            # A save point that never comes: Redis writes on TERM only when it has one, and we want no writing before.
            "save": "86400 1000000000",
            "appendonly": "no",
            "daemonize": "no",
            "maxmemory": MAX_MEMORY,
            "maxmemory-policy": "noeviction",
        }
        return [part for name, value in options.items() for part in (f"--{name}", value)]

    def _last_words(self) -> str:
        lines = (self._directory / "redis.log").read_text(errors="replace").split("\n")
        return " ".join(lines[-4:]).strip()[-300:]

    async def _command(self, *words: str) -> bool:
        """Whether a server takes the command; False when nobody listens."""
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
            return words[0] != "PING"  # still loading its data, or busy saving: there, but not ready
        finally:
            await client.aclose()
        return True

    async def _keep(self) -> None:
        """Start it again whenever it ends."""
        attempts = 0
        loop = asyncio.get_running_loop()
        while True:
            assert self._process is not None  # noqa: S101  (start() launched it)
            since = loop.time()
            code = await self._process.wait()
            attempts = 0 if loop.time() - since > STEADY_AFTER else attempts
            delay = RESTART_DELAYS[min(attempts, len(RESTART_DELAYS) - 1)]
            log.warning("private redis ended", exit_code=code, restart_in=delay)
            self._move(RedisState.WAITING)
            await asyncio.sleep(delay)
            attempts += 1
            self._move(RedisState.STARTING)
            try:
                await self._launch()
            except (PrivateRedisError, OSError) as error:  # no process, no file, no memory: later, perhaps
                log.error("private redis does not start", reason=str(error))
                await self._end_process()
                continue
            self._move(RedisState.RUNNING)

    async def _end_process(self) -> None:
        """TERM, which makes it write its data, then KILL."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(STOP_TIMEOUT):
                await process.wait()
        except TimeoutError:
            log.warning("private redis did not stop and was killed", pid=process.pid)
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def _die_with_us() -> list[str]:
    """A prefix that has the kernel send TERM to the child when we die, however we die (util-linux; Linux only)."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM", "--"] if setpriv else []


def _socket_path(directory: Path) -> Path:
    """In the data directory where the path is short enough, else in a private directory of the system's temporary one."""
    here = directory / "redis.sock"
    if len(os.fsencode(here)) <= SOCKET_PATH_LIMIT:
        return here
    digest = hashlib.sha256(os.fsencode(directory)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"conference-{os.geteuid()}-{digest}" / "redis.sock"
