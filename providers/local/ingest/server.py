"""The ingest server: listens for RTMP and RTMPS, owns every connection, and closes them all when it stops.

It accepts connections itself: `loop.create_server` reports a TLS client only after its handshake, and the limits by address must
apply before. Every wait is bounded: `_sweep` checks each connection's time limits.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import Counter
from collections.abc import Coroutine, Iterable
from typing import Any

import structlog

from providers.base import Spawn
from providers.concurrency import rounds
from providers.heap import give_back_memory
from providers.local.ingest.connection import EncoderConnection
from providers.local.ingest.connection_summary import ConnectionSummary
from providers.local.ingest.limits import IngestCounters, IngestLimits
from providers.local.ingest.pending import PendingConnections, network_of
from providers.local.ports.publishing import PublishGate
from providers.local.ports.refusals import Refusal

log = structlog.get_logger(__name__)

BACKLOG = 1024
"""Connections that the kernel queues before we accept them."""

ACCEPT_RETRY = 1.0
"""Seconds until the next try after an accept failed, for lack of file descriptors or memory."""


ABORT_TIMEOUT = 1.0
"""Seconds that aborted connections have to close."""


class IngestServer:
    """The RTMP and RTMPS listeners and their connections. `counters` may be read at any time."""

    def __init__(self, gate: PublishGate, spawn: Spawn, limits: IngestLimits = IngestLimits()) -> None:  # noqa: B008  # frozen
        self.gate = gate
        self.limits = limits
        self.counters = IngestCounters()
        self._spawn = spawn
        self._tasks: set[asyncio.Task[None]] = set()
        self._opening: dict[EncoderConnection, asyncio.Task[None]] = {}
        self._accepting: list[asyncio.Task[None]] = []
        self._sweeping: asyncio.Task[None] | None = None
        self._listeners: list[socket.socket] = []
        self._connections: set[EncoderConnection] = set()
        self._pending: PendingConnections[EncoderConnection] = PendingConnections(limits.pending)
        self._unpublished = ConnectionSummary(limits.summary_interval, 0.0)
        self._ended = 0
        """Connections that ended since free memory was last given back."""
        self._publishers: set[EncoderConnection] = set()
        self._publishers_per_address: Counter[str] = Counter()
        self._gone = asyncio.Event()

    async def listen(self, host: str, port: int, ssl_context: ssl.SSLContext | None = None) -> int:
        """Accept encoders on a port. May be called several times.

        Args:
            host: A host name or an IP address; "" for all addresses, IPv4 and IPv6.
            port: The TCP port; 0 for any free one.
            ssl_context: The server's TLS context, for RTMPS. None for plain RTMP.

        Returns:
            The port that is listened on.

        Raises:
            OSError: The address cannot be bound.
        """
        listener = await _bind(host, port)
        self._listeners.append(listener)
        if self._sweeping is None:
            self._sweeping = self._spawn(self._sweep(), name="ingest sweep")
        bound = int(listener.getsockname()[1])
        self._accepting.append(self._spawn(self._accept(listener, ssl_context), name=f"ingest accept {bound}"))
        log.info("ingest listens", host=host, port=bound, tls=ssl_context is not None)
        return bound

    async def aclose(self) -> None:
        """Stop accepting, send the publishers the reason, and close all connections within `stop_timeout`. Safe to call twice."""
        # First, so that no connection is added below.
        await _cancel(self._accepting)
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()
        await _cancel(self._opening.values())
        for connection in list(self._connections):
            # Publishers are sent the reason and have time to read it.
            connection.stop()
        await self._all_gone(self.limits.stop_timeout)
        for connection in list(self._connections):
            connection.abort()
        await _cancel(self._tasks)
        # An aborted transport reports its end in the next turn of the loop.
        await self._all_gone(ABORT_TIMEOUT)
        await _cancel([self._sweeping] if self._sweeping else [])

    # Called by connections (owner.ConnectionOwner)

    def spawn(self, work: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
        """Start a task that `aclose` waits for.

        Args:
            work: The task's coroutine.
            name: The task's name, for the log. It contains no stream key.

        Returns:
            The task. `aclose` cancels it if it outlasts `stop_timeout` (seconds).
        """
        task = self._spawn(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def greeted(self, connection: EncoderConnection) -> None:
        """Note that the connection finished its handshakes: it is no longer the first to be closed over the limit."""
        self._pending.greeted(connection)

    def publisher_limit(self, connection: EncoderConnection) -> Refusal | None:
        """Check whether a publisher can be added.

        Returns:
            SERVER_FULL or ADDRESS_FULL when a limit is reached; None while one can be added.
        """
        if len(self._publishers) >= self.limits.publishers:
            return Refusal.SERVER_FULL
        if self._publishers_per_address[network_of(connection.address)] >= self.limits.publishers_per_address:
            return Refusal.ADDRESS_FULL
        return None

    def begin_publish(self, connection: EncoderConnection) -> None:
        """Count the connection among the publishers."""
        self._pending.discard(connection)
        self._publishers.add(connection)
        self._publishers_per_address[network_of(connection.address)] += 1
        self.counters.publishers = len(self._publishers)

    def end_publish(self, connection: EncoderConnection) -> None:
        """Stop counting it among the publishers; does nothing if it was not counted."""
        if connection in self._publishers:
            self._publishers.discard(connection)
            _release(self._publishers_per_address, network_of(connection.address))
            self.counters.publishers = len(self._publishers)
            if connection.is_open:
                self._add_pending(connection)
                self._pending.greeted(connection)

    def ended_unpublished(self, connection: EncoderConnection, reason: str, detail: str = "") -> None:
        """Count a connection that ends without a publish.

        Args:
            connection: The connection.
            reason: One of a small set of words, for metrics and the log.
            detail: More about the reason, for the log; also one of a small set.
        """
        self.counters.refused[reason] += 1
        self._unpublished.count(f"{reason} {detail}".strip(), network_of(connection.address))

    def forget(self, connection: EncoderConnection) -> None:
        """Remove a connection whose socket is closed."""
        if connection in self._connections:
            self._connections.discard(connection)
            self._pending.discard(connection)
            # Parser and session refer to each other: without this they stay until the next garbage collection.
            connection.discard()
            self._ended += 1
            self.counters.connections = len(self._connections)
            self._gone.set()

    # Accepting

    async def _accept(self, listener: socket.socket, context: ssl.SSLContext | None) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                # One at a time: connections that are not accepted yet wait in the kernel, up to BACKLOG.
                client, peer = await loop.sock_accept(listener)
            except OSError as error:
                log.warning("accept failed", error=error.strerror)
                await asyncio.sleep(ACCEPT_RETRY)
                continue
            self._register(client, str(peer[0]), context)

    def _register(self, client: socket.socket, address: str, context: ssl.SSLContext | None) -> None:
        """Register the connection before it runs."""
        connection = EncoderConnection(self, client, address, context is not None, asyncio.get_running_loop().time)
        self._connections.add(connection)
        self.counters.connections = len(self._connections)
        self._add_pending(connection)
        self._opening[connection] = opening = self._spawn(
            self._open(connection, client, context), name=f"open {address}"
        )
        opening.add_done_callback(lambda done: self._opened(connection, client, done))

    def _opened(self, connection: EncoderConnection, client: socket.socket, opening: asyncio.Task[None]) -> None:
        """Close the socket if the task was cancelled: before it began, it did not run at all."""
        self._opening.pop(connection, None)
        if opening.cancelled():
            self.forget(connection)
            client.close()

    def _add_pending(self, connection: EncoderConnection) -> None:
        """Count a connection that does not publish, and close another one if there are too many."""
        cut = self._pending.add(connection)
        if cut is None:
            return
        self.ended_unpublished(cut, "cut_for_others")
        if (opening := self._opening.get(cut)) is not None:
            opening.cancel()
        cut.abort()

    async def _open(self, connection: EncoderConnection, client: socket.socket, context: ssl.SSLContext | None) -> None:
        """Hand the socket to the connection, over TLS after its handshake."""
        tls = {}
        if context is not None:
            tls["ssl_handshake_timeout"] = self.limits.tls_handshake_timeout
            # asyncio waits 30 s for the peer's close_notify (RFC 8446 §6.1) unless told otherwise.
            tls["ssl_shutdown_timeout"] = self.limits.linger_timeout
        try:
            await asyncio.get_running_loop().connect_accepted_socket(lambda: connection, client, ssl=context, **tls)
        except OSError as error:
            reason = error.reason if isinstance(error, ssl.SSLError) else None
            self.ended_unpublished(connection, "tls_handshake", str(reason or type(error).__name__))
            self.forget(connection)
        except Exception:  # any client can connect, and none may stop the service
            log.exception("connection not opened", address=connection.address)
            connection.abort()
            self.forget(connection)
            client.close()

    async def _sweep(self) -> None:
        trimmed = asyncio.get_running_loop().time()
        async for now, paused in rounds(self.limits.sweep_interval):
            self._unpublished.summarize(now)
            if self._ended >= self.limits.trim_after and now >= trimmed + self.limits.trim_interval:
                self._ended, trimmed = 0, now
                # A burst of handshakes leaves a fragmented heap, which the C library keeps.
                give_back_memory()
            if not paused:
                self._check(now)

    def _check(self, now: float) -> None:
        for connection in list(self._connections):
            try:
                connection.check(now)
            except Exception:  # the others must not stop with it
                log.exception("connection failed", address=connection.address)
                connection.abort()

    async def _all_gone(self, limit: float) -> None:
        """Wait until no connection and no call of the gate is left, for `limit` seconds at most."""
        try:
            async with asyncio.timeout(limit):
                while self._tasks:
                    await asyncio.wait(self._tasks)
                while self._connections:
                    self._gone.clear()
                    await self._gone.wait()
        except TimeoutError:
            log.warning("connections still open", connections=len(self._connections), questions=len(self._tasks))


async def _bind(host: str, port: int) -> socket.socket:
    """Return a listening socket on the first address that `host` resolves to."""
    if not host:
        listener = socket.create_server(
            ("", port), family=socket.AF_INET6, backlog=BACKLOG, dualstack_ipv6=socket.has_dualstack_ipv6()
        )
    else:
        found = await asyncio.get_running_loop().getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        listener = socket.create_server(found[0][4][:2], family=found[0][0], backlog=BACKLOG)
    # `loop.sock_accept` requires it.
    listener.setblocking(False)
    return listener


async def _cancel(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel `tasks` and wait for them; their owner reports their errors."""
    waited = list(tasks)
    for task in waited:
        task.cancel()
    await asyncio.gather(*waited, return_exceptions=True)


def _release(counter: Counter[str], address: str) -> None:
    """Count one less, and forget an address with none left."""
    counter[address] -= 1
    if not counter[address]:
        del counter[address]
