"""On PostgreSQL, one process at a time runs the local provider under a node's name: it holds a session-level advisory lock.

    acquire ─▶ held ──(connection lost)──▶ acquired again as soon as the server answers
                 └── another process holds it by then ──▶ LockHeld, and the service stops

The lock belongs to a connection of its own, on which the holder sends a query every `heartbeat`. PostgreSQL releases it at once
when the holder's process dies. When the holder's machine dies, the connection may seem open for hours: a process that wants the
lock disconnects a holder that was silent for `stale_after`.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import zlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from providers.base import Spawn
from providers.lock import Holder, LockHeld
from service.domain.errors import Unavailable
from service.store.urls import driver_url

log = structlog.get_logger(__name__)

LOCK_CLASS = 7_091_936
"""The first key of the advisory lock. The second key identifies the node."""

ONLY_NODE = 1
"""The second key of the node that is named `main`, as all were before nodes had names."""

MAX_APPLICATION_NAME = 63
"""The longest application_name of PostgreSQL, in bytes."""

_NAME = re.compile(r"conference pid=(\d{1,10}) host=(\S{1,63})")

SETTINGS = (
    "SET tcp_keepalives_idle = 5",
    "SET tcp_keepalives_interval = 2",
    "SET tcp_keepalives_count = 3",
)
"""With these, the server detects a holder's dead machine by itself, even if no other process wants the lock."""

# objsubid is 2 for a lock with two 32-bit keys, and 1 for one with a single 64-bit key (PostgreSQL, pg_locks).
FIND_HOLDER = """
SELECT a.pid, a.application_name, a.backend_start, a.state_change,
    clock_timestamp() - a.state_change > $3 * interval '1 second' AS silent
FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND l.classid = $1 AND l.objid = $2 AND l.objsubid = 2
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""

WHAT = "The PostgreSQL database, as the store of provider `local` and node `{node}`,"
ADVICE = "stop that process first, or set CONFERENCE_NODE_NAME to a name that no other node has"


@dataclass(frozen=True, slots=True)
class LockLimits:
    """Times in seconds."""

    heartbeat: float = 2.0
    """Interval of the holder's heartbeats."""
    stale_after: float = 10.0
    """Time without a heartbeat after which a holder counts as dead."""
    poll_every: float = 0.5
    """Time between two checks of a holder, and between two attempts to acquire the lock again."""
    return_grace: float = 3.0
    """Time after a start of PostgreSQL in which only the previous holder may acquire the lock."""
    answer_timeout: float = 5.0
    """Time one statement may take."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """The holder's connection as PostgreSQL describes it."""

    backend: int
    holder: Holder | None
    heartbeat_at: datetime | None
    silent: bool

    @classmethod
    def of(
        cls, backend: int, name: str, since: datetime | None, heartbeat_at: datetime | None, silent: bool | None
    ) -> _Seen:
        found = _NAME.search(name)
        holder = Holder(int(found[1]), found[2], f"{since:%Y-%m-%dT%H:%M:%SZ}") if found and since else None
        return cls(backend, holder, heartbeat_at, bool(silent))


def lock_key(node: str) -> int:
    """Return the second key of a node's lock: a positive int4."""
    return ONLY_NODE if node == "main" else zlib.crc32(node.encode()) & 0x7FFF_FFFF


class ProviderLock:
    """The advisory lock of provider `local` for a node."""

    def __init__(self, url: str, spawn: Spawn, limits: LockLimits | None = None, node: str = "main") -> None:
        self._node, self._key = node, lock_key(node)
        self._limits = limits or LockLimits()
        self._url = url
        self._spawn = spawn
        self._connection: Any = None
        self._backend = 0
        self._keeper: asyncio.Task[None] | None = None

    async def acquire(self) -> None:
        """Acquire the lock and keep it. Wait a few seconds to find out whether its holder is alive.

        A LockHeld in the background, which ends the service, means that another process acquired the lock while PostgreSQL was
        unavailable.

        Raises:
            LockHeld: Another process holds the lock.
            Unavailable: PostgreSQL does not answer.
        """
        await self._acquire(first=True)
        self._keeper = self._spawn(self._keep(), name="provider lock")

    async def aclose(self) -> None:
        """Release the lock. Safe to call twice."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        await self._disconnect()

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(self._limits.heartbeat)
            try:
                # The heartbeat. After a failover, the connection may lead to the former primary, where the lock protects nothing.
                if await self._ask("SELECT pg_is_in_recovery()"):
                    raise Unavailable("PostgreSQL is a standby.")
            except Unavailable:
                log.warning("provider lock lost with its connection")
                await self._reacquire()
                log.info("provider lock acquired again")

    async def _reacquire(self) -> None:
        while True:
            try:
                return await self._acquire(first=False)
            except Unavailable:
                await asyncio.sleep(self._limits.poll_every)

    async def _acquire(self, *, first: bool) -> None:
        await self._connect()
        try:
            if first:
                await self._leave_to_former_holder()
            self._backend, former = await self._ask("SELECT pg_backend_pid()"), self._backend
            before: _Seen | None = None
            while not await self._ask(f"SELECT pg_try_advisory_lock({LOCK_CLASS}, {self._key})"):
                seen = await self._find_holder()
                # `former` is our own lost connection, which the server still believes to be open.
                if seen is not None and (seen.silent or seen.backend == former):
                    log.warning("provider lock taken from a silent connection", holder=str(seen.holder))
                    await self._ask("SELECT pg_terminate_backend($1)", seen.backend)
                elif seen is not None and before is not None and seen.backend == before.backend:
                    # The holder has sent a query since the last check: it is alive. PostgreSQL hides the time from other roles.
                    if seen.heartbeat_at != before.heartbeat_at or seen.heartbeat_at is None:
                        raise LockHeld(WHAT.format(node=self._node), seen.holder, ADVICE)
                else:
                    before = seen
                await asyncio.sleep(self._limits.poll_every)
        except BaseException:
            await self._disconnect()
            raise

    async def _leave_to_former_holder(self) -> None:
        up = float(await self._ask("SELECT extract(epoch FROM clock_timestamp() - pg_postmaster_start_time())"))
        if up < self._limits.return_grace:
            await asyncio.sleep(self._limits.return_grace - up)

    async def _find_holder(self) -> _Seen | None:
        rows = await self._fetch(FIND_HOLDER, LOCK_CLASS, self._key, self._limits.stale_after)
        if not rows:
            return None  # it has just released the lock
        return _Seen.of(*rows[0])

    # The connection.

    async def _connect(self) -> None:
        from service.store import postgresql

        await self._disconnect()
        try:
            self._connection = await postgresql.connect(driver_url(self._url), self._limits.answer_timeout)
            name = f"conference pid={os.getpid()} host={socket.gethostname()}"[:MAX_APPLICATION_NAME]
            # SET takes no parameters. `false`: for the session, not only for this transaction.
            await self._ask("SELECT set_config('application_name', $1, false)", name)
            for setting in SETTINGS:
                await self._connection.execute(setting)
            if await self._ask("SELECT pg_is_in_recovery()"):
                raise Unavailable("PostgreSQL is a standby.")
        except BaseException as failed:
            await self._disconnect()
            if isinstance(failed, (*postgresql.ERRORS, *postgresql.CONNECTION_ERRORS)):
                raise Unavailable("The store is not available.") from failed
            raise

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            # Without a farewell, for which the server might have to be waited for. It releases the lock when the connection ends.
            connection.terminate()

    async def _ask(self, query: str, *arguments: object) -> Any:
        """Return the first value of the first row. Raise Unavailable if PostgreSQL does not answer."""
        return (await self._fetch(query, *arguments))[0][0]

    async def _fetch(self, query: str, *arguments: object) -> Any:
        from service.store import postgresql

        try:
            return await self._connection.fetch(query, *arguments)
        except (*postgresql.ERRORS, *postgresql.CONNECTION_ERRORS) as lost:
            raise Unavailable("The store is not available.") from lost
