"""The fast path: answers players' polls directly from the socket. aiohttp answers everything else on the same port.

A poll needs little of what aiohttp does for a request, and a bare JSON route of aiohttp costs several times as much as the poll.
So a small protocol stands in front of aiohttp's:

    socket ─▶ a complete, plain GET or OPTIONS that `answer` knows ─▶ the response's bytes, at once or when they are ready
                 ├─ another request whose length is beyond doubt: aiohttp borrows the connection until it has answered it
                 └─ anything else: the connection is handed to aiohttp permanently, with every byte not answered yet

Anything else is: malformed requests, HTTP/1.0, `Connection: close`, an upgrade, a transfer coding, `Expect`, a header field that is
repeated, folded or not ASCII (`request_reader.py`).

Wiring, with aiohttp's public interface only::

    runner = web.AppRunner(app)
    await runner.setup()
    fast_path = FastPath(runner.server, public.answer, spawn=tasks.spawn)     # see `server.py`
    port = await fast_path.listen(host, port)
    ...
    await fast_path.aclose()  # no new connections; those of the fast path are closed
    await runner.cleanup()    # those that aiohttp took over
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from itertools import islice
from types import MappingProxyType

from providers.base import Spawn
from providers.concurrency import rounds
from service.http.express.connection import FastPathConnection
from service.http.express.limits import FastPathLimits
from service.http.express.request_reader import RequestReader
from service.http.wire import Answer, WireReply

MAX_EXAMINED = 32
"""Connections that are examined to find an idle one."""


class FastPath:
    """Listens in front of another server. `next_factory` makes the protocol for all other requests (`AppRunner.server`)."""

    def __init__(
        self,
        next_factory: Callable[[], asyncio.Protocol],
        answer: Answer,
        *,
        spawn: Spawn,
        limits: FastPathLimits | None = None,
        on_reply: Callable[[WireReply], None] = lambda reply: None,
        refusal: Callable[[str], WireReply] = lambda reason: WireReply("unmatched", 400, ()),
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.answer = answer
        self.reader = RequestReader()
        self.on_reply = on_reply
        self.refusal = refusal
        """Makes the response to a malformed request from the reason."""
        self._headers = "".join(f"\r\n{name}: {value}" for name, value in headers.items()).encode("latin-1")
        self.limits = limits or FastPathLimits()
        self.now = 0.0
        """Loop time of the last sweep: precise enough to detect late connections, at no cost."""
        self._next_factory = next_factory
        self.spawn = spawn
        self._connections: OrderedDict[FastPathConnection, None] = OrderedDict()
        """Ordered by the last reply, oldest first, once there are many."""
        self._unserved: OrderedDict[FastPathConnection, None] = OrderedDict()
        self._server: asyncio.Server | None = None
        self._sweep_task: asyncio.Task[None] | None = None
        self._empty = asyncio.Event()
        self.closing = False

    @property
    def connections(self) -> int:
        """The number of connections on the fast path."""
        return len(self._connections)

    async def listen(self, host: str, port: int) -> int:
        """Accept connections; return the port (useful with 0). Errors: OSError."""
        loop = asyncio.get_running_loop()
        self.now = loop.time()
        self._server = await loop.create_server(lambda: FastPathConnection(self), host, port, backlog=1024)
        self._sweep_task = self.spawn(self._sweep(), name="fast path sweep")
        return int(self._server.sockets[0].getsockname()[1])

    async def aclose(self) -> None:
        """Accept no more connections and close those on the fast path, not those of aiohttp. Safe to call twice."""
        self.closing = True
        if self._server is not None:
            self._server.close()
        if self._sweep_task is not None:
            self._sweep_task.cancel()
        for connection in list(self._connections):
            connection.close()
        try:
            async with asyncio.timeout(self.limits.close_timeout):
                while self._connections:
                    self._empty.clear()
                    await self._empty.wait()
        except TimeoutError:
            for connection in list(self._connections):
                connection.abort()

    async def _sweep(self) -> None:
        async for now, paused in rounds(self.limits.sweep_every):
            self.now = now
            for connection in [] if paused else list(self._connections):
                connection.close_if_late(now)

    def wire(self, reply: WireReply) -> bytes:
        """Return the response with the headers that are on every response."""
        if not self._headers:
            return reply.wire
        status, rest, more = reply.wire.partition(b"\r\n")
        return b"".join([status, self._headers, rest, more])

    def enter(self, connection: FastPathConnection, *, served: bool = False) -> bool:
        """Register a connection, if need be in the place of another; False when there is no room.

        `served`: a request of it has been answered before, by aiohttp.
        """
        if self.closing:
            return False
        if len(self._connections) >= self.limits.max_connections and not self._make_room():
            return False
        self._connections[connection] = None
        if served:
            return True
        if len(self._unserved) >= self.limits.max_unserved:
            oldest, _ = self._unserved.popitem(last=False)
            oldest.abort()
        self._unserved[connection] = None
        return True

    def served(self, connection: FastPathConnection) -> None:
        """Note that the first request of the connection has arrived."""
        self._unserved.pop(connection, None)

    def used(self, connection: FastPathConnection) -> None:
        """Note that a request was answered: the connection becomes the last candidate to be closed, once there are many."""
        if len(self._connections) * 2 >= self.limits.max_connections and connection in self._connections:
            self._connections.move_to_end(connection)

    def leave(self, connection: FastPathConnection) -> None:
        """Remove a connection that ended or that aiohttp has taken over."""
        self._connections.pop(connection, None)
        self._unserved.pop(connection, None)
        if not self._connections:
            self._empty.set()

    def _make_room(self) -> bool:
        """Close the connection that has been idle longest: a keep-alive connection may be closed at any time (RFC 9112 §9.5)."""
        for connection in islice(self._connections, MAX_EXAMINED):
            if connection.is_idle:
                self._connections.pop(connection)
                connection.abort()
                return True
        return False

    def next_protocol(self) -> asyncio.Protocol:
        return self._next_factory()
