"""The express lane: the polls of players answered straight from the socket, everything else by aiohttp on the same port.

aiohttp spends most of a poll's time on machinery a poll does not need: measured, a bare JSON route costs several times what
the answer itself costs. So a small protocol stands in front of aiohttp's:

    socket ─▶ a complete, plain GET or OPTIONS that `answer` knows ─▶ the answer's bytes
                 └─ anything else: the connection goes to aiohttp for good, with every byte not answered yet

"Anything else" is meant literally: other paths and methods, a channel that is not on the board, an error, a body, HTTP/1.0,
`Connection: close`, a header that is doubled, folded or not ASCII. The strict parser here never has to decide about a doubtful
request.

Wiring, with aiohttp's public interface only::

    runner = web.AppRunner(app)
    await runner.setup()
    lane = ExpressLane(runner.server, public.answer, spawn=tasks.spawn)
    port = await lane.listen(host, port)
    ...
    await lane.aclose()     # no new connections; the lane's own are closed
    await runner.cleanup()  # the ones aiohttp took over
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

from providers.base import Spawn
from service.api.wire import WireReply
from service.domain.errors import DomainError

Answer = Callable[[str, str, Mapping[str, str], str], WireReply | None]
"""Method, raw target, headers with lower-case names, peer address. None or a DomainError: let aiohttp do it."""

_METHODS = (b"GET /", b"OPTIONS /")

_NOT_PLAIN = frozenset(
    {"connection", "content-length", "transfer-encoding", "expect", "upgrade", "proxy-connection", "te", "trailer"}
)
"""Headers that change how a request or its connection is read; `Connection: keep-alive` alone says nothing new."""


@dataclass(frozen=True, slots=True)
class ExpressLimits:
    """Sizes in bytes, times in seconds."""

    max_head: int = 8_192
    """A longer request head goes to aiohttp, which refuses it in its own way."""
    head_timeout: float = 10.0
    """For a request to arrive whole, the first one from the moment of connecting, and for answers to be read."""
    idle_timeout: float = 75.0
    """Between two requests: longer than any poll interval we give out."""
    max_connections: int = 20_000
    """Connections in the lane at once; beyond, new ones are closed."""
    close_timeout: float = 2.0
    """For connections to end when the lane closes, before they are cut."""
    sweep_every: float = 1.0
    """Between two looks at who is late."""


class ExpressLane:
    """Listens in front of another server; `next_factory` makes the protocol that takes the rest (`AppRunner.server`)."""

    def __init__(
        self,
        next_factory: Callable[[], asyncio.Protocol],
        answer: Answer,
        *,
        spawn: Spawn,
        limits: ExpressLimits | None = None,
        on_reply: Callable[[WireReply], None] = lambda reply: None,
    ) -> None:
        self.answer = answer
        self.on_reply = on_reply
        self.limits = limits or ExpressLimits()
        self.now = 0.0
        """Loop time of the last sweep: exact enough to tell who is late, and free."""
        self._next_factory = next_factory
        self._spawn = spawn
        self._connections: set[_Connection] = set()
        self._server: asyncio.Server | None = None
        self._sweeper: asyncio.Task[None] | None = None
        self._empty = asyncio.Event()
        self._closing = False

    @property
    def connections(self) -> int:
        """How many connections the lane itself holds."""
        return len(self._connections)

    async def listen(self, host: str, port: int) -> int:
        """Take connections; returns the port (useful with 0). Errors: OSError."""
        loop = asyncio.get_running_loop()
        self.now = loop.time()
        self._server = await loop.create_server(lambda: _Connection(self), host, port, backlog=1024)
        self._sweeper = self._spawn(self._sweep(), name="express lane sweeper")
        return int(self._server.sockets[0].getsockname()[1])

    async def aclose(self) -> None:
        """Take no more connections and close the lane's own; those handed over stay aiohttp's. Safe to call twice."""
        self._closing = True
        if self._server is not None:
            self._server.close()
        if self._sweeper is not None:
            self._sweeper.cancel()
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
        while True:
            await asyncio.sleep(self.limits.sweep_every)
            self.now = asyncio.get_running_loop().time()
            for connection in list(self._connections):
                connection.close_if_late(self.now)

    def enter(self, connection: _Connection) -> bool:
        """Register a new connection; False when there is no room."""
        if self._closing or len(self._connections) >= self.limits.max_connections:
            return False
        self._connections.add(connection)
        return True

    def leave(self, connection: _Connection) -> None:
        """The connection ended or is aiohttp's now."""
        self._connections.discard(connection)
        if not self._connections:
            self._empty.set()

    def next_protocol(self) -> asyncio.Protocol:
        return self._next_factory()


class _Connection(asyncio.Protocol):
    """One client in the lane."""

    __slots__ = (
        "_buffer",
        "_handing_over",
        "_headers",
        "_lane",
        "_last_block",
        "_paused",
        "_peer",
        "_seen",
        "_served",
        "_transport",
    )

    def __init__(self, lane: ExpressLane) -> None:
        self._lane = lane
        self._transport: asyncio.Transport
        self._peer = ""
        self._buffer = b""
        self._last_block = b""
        self._headers: dict[str, str] | None = {}
        self._paused = False
        self._handing_over = False
        self._served = False
        self._seen = lane.now

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are none by name
        self._seen = self._lane.now
        peer = transport.get_extra_info("peername")
        self._peer = peer[0] if isinstance(peer, tuple) else ""
        if not self._lane.enter(self):
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        if not self._buffer:
            self._seen = self._lane.now  # a head that trickles in does not renew its time
        self._buffer += data
        if not self._handing_over:
            self._serve()

    def pause_writing(self) -> None:
        self._paused = True
        self._seen = self._lane.now
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._paused = False
        self._transport.resume_reading()
        if self._handing_over:
            self._hand_over()

    def connection_lost(self, exc: Exception | None) -> None:
        self._lane.leave(self)

    # What the lane calls.

    def close(self) -> None:
        self._transport.close()

    def abort(self) -> None:
        self._transport.abort()

    def close_if_late(self, now: float) -> None:
        waiting = self._served and not self._buffer and not self._paused
        limits = self._lane.limits
        if now - self._seen > (limits.idle_timeout if waiting else limits.head_timeout):
            self._transport.abort() if self._paused else self._transport.close()

    # One read: answer the whole requests in it, in order.

    def _serve(self) -> None:
        buffer, start = self._buffer, 0
        answers: list[bytes] = []
        while start < len(buffer):
            end = buffer.find(b"\r\n\r\n", start)
            if end < 0 and _may_be_ours(buffer, start) and len(buffer) - start <= self._lane.limits.max_head:
                break  # the rest of the head is still to come
            reply = None if end < 0 else self._answer(buffer[start:end])
            if reply is None:
                self._handing_over = True
                break
            answers.append(reply.wire)
            self._lane.on_reply(reply)
            start = end + 4
        self._buffer = buffer[start:]
        if answers:
            self._served = True
            self._seen = self._lane.now
            self._transport.write(b"".join(answers))
        if self._handing_over and not self._paused:
            self._hand_over()

    def _answer(self, head: bytes) -> WireReply | None:
        line, _, block = head.partition(b"\r\n")
        if len(head) > self._lane.limits.max_head:
            return None
        asked = parse_request_line(line)
        if asked is None:
            return None
        if block != self._last_block:  # a player sends the same headers every time
            self._headers = parse_headers(block)
            self._last_block = block
        if self._headers is None:
            return None
        try:
            return self._lane.answer(*asked, self._headers, self._peer)
        except DomainError:
            return None  # aiohttp asks again, and has the one place where errors become HTTP

    def _hand_over(self) -> None:
        """From here on the connection is aiohttp's."""
        transport, rest = self._transport, self._buffer
        self._lane.leave(self)
        if transport.is_closing():
            return
        successor = self._lane.next_protocol()
        transport.set_protocol(successor)
        successor.connection_made(transport)
        successor.data_received(rest)


def _may_be_ours(buffer: bytes, start: int) -> bool:
    return any(buffer.startswith(method[: len(buffer) - start], start) for method in _METHODS)


_REQUEST_LINE = re.compile(rb"(GET|OPTIONS) (/[!-\"$-~]*) HTTP/1\.1")
"""Method and target: visible ASCII but for the #, which no request may carry."""


def parse_request_line(line: bytes) -> tuple[str, str] | None:
    """Method and target of a plain HTTP/1.1 GET or OPTIONS (RFC 9112 §3), None for anything else."""
    found = _REQUEST_LINE.fullmatch(line)
    return None if found is None else (found[1].decode("ascii"), found[2].decode("ascii"))


def parse_headers(block: bytes) -> dict[str, str] | None:
    """Header fields by lower-case name, if they are plain (RFC 9112 §5): no doubles, folds, bare CR or LF, nothing but ASCII.

    None as well without a Host, and with any field that changes how the request or the connection is read.
    """
    if not block.isascii():
        return None
    headers: dict[str, str] = {}
    for line in block.decode("ascii").split("\r\n"):
        name, colon, value = line.partition(":")
        value = value.strip(" \t")
        name = name.lower()
        if not colon or not _is_token(name) or name in headers or not value.replace("\t", " ").isprintable():
            return None
        if name in _NOT_PLAIN and (name, value.lower()) != ("connection", "keep-alive"):
            return None
        headers[name] = value
    return headers if "host" in headers else None


_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")


def _is_token(name: str) -> bool:
    """RFC 9110 §5.6.2, already in lower case."""
    return bool(name) and _TOKEN.issuperset(name)
