"""One connection on the fast path: read whole requests, answer them in order, or hand the connection to aiohttp."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol, cast

from providers.base import Spawn
from service.http.express.limits import FastPathLimits
from service.http.express.request_reader import PlainRequest, RequestReader
from service.http.wire import Answer, LaterReply, WireReply

CARRIAGE_RETURN = 0x0D
TOO_LONG = "Got more than a head may have"
"""The first words are those of aiohttp's parser."""
BAD_LINE_END = "A line of the head does not end with CRLF"
_METHOD = re.compile(rb"[A-Z]{0,20}(?: |\Z)")
"""The beginning of a request, as far as it has arrived."""


class ConnectionOwner(Protocol):
    """What a connection uses of the fast path that accepted it."""

    limits: FastPathLimits
    answer: Answer
    reader: RequestReader
    on_reply: Callable[[WireReply], None]
    refusal: Callable[[str], WireReply]
    spawn: Spawn
    now: float
    closing: bool

    def enter(self, connection: FastPathConnection, *, served: bool = False) -> bool:
        """Register a new connection, or one that was `served` before; return False when there is no room."""

    def served(self, connection: FastPathConnection) -> None:
        """Note that the first request of the connection has been answered."""

    def used(self, connection: FastPathConnection) -> None:
        """Note that a request of the connection has been answered."""

    def leave(self, connection: FastPathConnection) -> None:
        """Remove a connection that ended or that aiohttp has taken over."""

    def wire(self, reply: WireReply) -> bytes:
        """Return the bytes of the response."""

    def next_protocol(self) -> asyncio.Protocol:
        """Return a new protocol of aiohttp for a connection that leaves the fast path."""


class Borrower(asyncio.Protocol):
    """A protocol of the next server that handles one request and then gives the connection back."""

    __slots__ = ()

    def borrow(self, data: bytes, length: int, give_back: Callable[[bytes], None]) -> None:
        """Handle the request that is the first `length` bytes of `data` and of what follows.

        Then call `give_back` with the bytes that arrived after it, unless the connection ends or is kept.
        """
        raise NotImplementedError


class FastPathConnection(asyncio.Protocol):
    """One client on the fast path."""

    __slots__ = (
        "_buffer",
        "_examined",
        "_handing_over",
        "_last",
        "_next",
        "_owner",
        "_paused",
        "_peer",
        "_pending",
        "_seen",
        "_served",
        "_transport",
    )

    def __init__(self, owner: ConnectionOwner) -> None:
        self._owner = owner
        self._transport: asyncio.Transport
        self._peer = ""
        self._buffer = b""
        self._examined = 0
        """Bytes at the beginning of the buffer that were examined: they contain no end of a head and no fault."""
        self._last: PlainRequest | None = None
        """The last request. Players repeat the same header lines, which are then parsed once."""
        self._next: asyncio.Protocol | None = None
        """aiohttp's protocol, once it has had the connection."""
        self._paused = False
        self._pending: asyncio.Task[None] | None = None
        self._handing_over = False
        self._served = False
        self._seen = owner.now

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are none by name
        self._seen = self._owner.now
        peer = transport.get_extra_info("peername")
        self._peer = peer[0] if isinstance(peer, tuple) else ""
        if not self._owner.enter(self):
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        if not self._buffer:
            self._seen = self._owner.now  # a head that trickles in does not extend its timeout
            # The empty line ends the head (RFC 9112 §2.1), and a GET without Content-Length has no body (§6.3).
            if self._pending is None and not self._handing_over and data.find(b"\r\n\r\n") == len(data) - 4:
                reply = self._answer(data)  # one whole request, as nearly always
                if isinstance(reply, WireReply):
                    self._write(self._owner.wire(reply))
                    self._owner.on_reply(reply)
                    return
        self._buffer += data
        if self._pending is None and not self._handing_over:
            self._serve()

    def pause_writing(self) -> None:
        self._paused = True
        self._seen = self._owner.now
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._paused = False
        self._go_on_reading()
        if self._handing_over:
            self._hand_over()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._pending is not None:
            self._pending.cancel()
        self._owner.leave(self)
        if self._next is not None:
            self._next.connection_lost(exc)

    # Called by the fast path.

    def close(self) -> None:
        """Close now, or once the pending reply is sent."""
        if self._pending is None:
            self._transport.close()

    def abort(self) -> None:
        self._transport.abort()

    @property
    def is_idle(self) -> bool:
        """Whether a reply was sent, and nothing of a next request has arrived."""
        return self._served and self._pending is None and not self._buffer and not self._paused

    def close_if_late(self, now: float) -> None:
        if self._pending is not None and not self._paused:
            return  # the reply is late, not the client
        limits = self._owner.limits
        if now - self._seen > (limits.idle_timeout if self.is_idle else limits.head_timeout):
            # `close` would wait until the client, which does not read, has taken what was written.
            self._transport.abort() if self._paused else self._transport.close()

    # One read: answer the whole requests in it, in order.

    def _serve(self) -> None:
        buffer, start = self._buffer, 0
        answers: list[bytes] = []
        later: LaterReply | None = None
        examined, self._examined = self._examined, 0
        while start < len(buffer):
            # Three bytes back: the read before may have ended inside the empty line.
            end = buffer.find(b"\r\n\r\n", start + max(0, examined - 3))
            if end < 0 and _METHOD.match(buffer, start) is not None:
                self._examined = len(buffer) - start
                if (reason := self._fault(buffer, start, examined)) is not None:
                    self._refuse(answers, reason)
                    return
                break
            examined = 0
            reply = None if end < 0 else self._answer(buffer[start : end + 4])
            if not isinstance(reply, WireReply):
                later = reply
                self._handing_over = later is None
                break
            # In the order of the requests, as pipelining requires (RFC 9112 §9.3.2).
            answers.append(self._owner.wire(reply))
            self._owner.on_reply(reply)
            start = end + 4
        self._buffer = buffer[start:]
        if answers:
            # One write: each is a system call and, without Nagle, a packet.
            self._write(answers[0] if len(answers) == 1 else b"".join(answers))
        if later is not None and not self._transport.is_closing():
            self._transport.pause_reading()  # at most one more read comes in meanwhile
            self._pending = self._owner.spawn(self._finish(later, end + 4 - start), name="poll of a cold channel")
        elif self._handing_over and not self._paused:
            self._hand_over()

    async def _finish(self, later: LaterReply, length: int) -> None:
        """Send the answer to the request that is the first `length` bytes of the buffer, then go on with the rest."""
        reply = None
        with suppress(Exception):  # as in `_answer`
            reply = await later()
        self._pending = None
        if self._transport.is_closing():
            return
        if reply is None:
            self._handing_over = True
        else:
            self._owner.on_reply(reply)
            self._buffer = self._buffer[length:]
            self._write(self._owner.wire(reply))
        if self._owner.closing:
            self._transport.close()
            return
        self._go_on_reading()
        if not self._handing_over:
            self._serve()
        elif not self._paused:
            self._hand_over()

    def _fault(self, buffer: bytes, start: int, examined: int) -> str | None:
        """Return the fault of an incomplete head, or None. Its first `examined` bytes are known to be correct."""
        if len(buffer) - start > self._owner.limits.max_head:
            return TOO_LONG
        return None if _has_whole_line_ends(buffer, start, examined) else BAD_LINE_END

    def _refuse(self, answers: list[bytes], reason: str) -> None:
        """Send the replies so far and the error, and close."""
        reply = self._owner.refusal(reason)
        self._owner.on_reply(reply)
        self._buffer = b""
        self._write(b"".join([*answers, self._owner.wire(reply)]))
        self._transport.close()

    def _write(self, answers: bytes) -> None:
        if not self._served:
            self._owner.served(self)
        self._owner.used(self)
        self._served = True
        self._seen = self._owner.now
        self._transport.write(answers)

    def _go_on_reading(self) -> None:
        if self._pending is None and not self._paused:
            self._transport.resume_reading()

    def _answer(self, head: bytes) -> WireReply | LaterReply | None:
        if len(head) > self._owner.limits.max_poll_head:
            return None
        request = self._owner.reader.read(head, self._last)
        if request is None:
            return None
        self._last = request
        try:
            return self._owner.answer(request.method, request.target, request.headers, self._peer)
        except Exception:
            return None  # aiohttp handles the request again and reports the failure

    def _hand_over(self) -> None:
        """Let aiohttp handle the first unanswered request, and have the connection back after it if its length is known."""
        transport, rest = self._transport, self._buffer
        self._owner.leave(self)
        if transport.is_closing():
            return
        end = rest.find(b"\r\n\r\n")
        length = None if end < 0 else self._owner.reader.length(rest[: end + 4])
        successor, is_new = self._next, self._next is None
        if successor is None:
            successor = self._owner.next_protocol()
        transport.set_protocol(successor)
        if is_new:
            successor.connection_made(transport)
        if length is not None and isinstance(successor, Borrower):
            self._next, self._buffer = successor, b""
            successor.borrow(rest, length, self._go_on)
        else:
            successor.data_received(rest)

    def _go_on(self, rest: bytes) -> None:
        """Take the connection back, with the bytes that follow the request that aiohttp has answered."""
        self._transport.set_protocol(self)
        # It was removed while aiohttp had it, and the fast path may be full or closing by now.
        if not self._owner.enter(self, served=True):
            self._transport.close()
            return
        self._handing_over, self._served, self._seen = False, True, self._owner.now
        self._transport.resume_reading()  # aiohttp may have paused it while it read a body
        if rest:
            self.data_received(rest)


def _has_whole_line_ends(buffer: bytes, start: int, examined: int) -> bool:
    """Return whether every CR and LF stands beside the other (RFC 9112 §2.2); a CR at the end may still get its LF."""
    start += examined
    if examined and buffer[start - 1] == CARRIAGE_RETURN:
        start -= 1
    # Counted in C: a look at each byte in Python would cost more than the answer.
    pairs = buffer.count(b"\r\n", start)
    returns = buffer.count(b"\r", start) - buffer.endswith(b"\r")
    return pairs == returns == buffer.count(b"\n", start)
