"""aiohttp's protocol for one connection: its errors in our shape, its limits, and the way back to the fast path.

The fast path lends a connection for one request whose length it knows. This protocol passes exactly that request to aiohttp, keeps
what follows, and gives the connection back when the response has been written. `log_access` is aiohttp's public sign for that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

from service.http.errors import error_response, internal_error
from service.http.express.connection import Borrower
from service.http.held_connections import HeldConnections, HeldLimits
from service.http.middleware import EVERYWHERE

MAX_KEPT = 65_536
"""Bytes after the lent request that are kept. A client that sends more before its response stays with aiohttp."""


class AiohttpConnection(web.RequestHandler, Borrower):
    """aiohttp's own protocol answers malformed requests in plain text and quotes them, and waits for a first request without a
    limit."""

    __slots__ = (
        "_give_back",
        "_held",
        "_kept",
        "_left",
        "_lent",
        "_limits",
        "_more_headers",
        "_returned",
        "_stalled",
        "_timer",
        "_written",
    )

    def __init__(
        self,
        server: web.Server,
        held: HeldConnections,
        limits: HeldLimits,
        headers: Mapping[str, str],
        *,
        loop: asyncio.AbstractEventLoop,
        **options: Any,
    ) -> None:
        super().__init__(server, loop=loop, max_headers=limits.max_headers, **options)
        self._held = held
        self._limits = limits
        self._more_headers = headers
        self._timer: asyncio.TimerHandle | None = None
        self._give_back: Callable[[bytes], None] | None = None
        """Takes the connection and the bytes after the request; None while the connection is aiohttp's for good."""
        self._left = 0
        """Bytes of the lent request that have not arrived."""
        self._kept = b""
        self._lent = False
        """Whether aiohttp works on a lent request."""
        self._returned = False
        """Whether the fast path has the connection."""
        self._stalled = False
        """Whether the client does not read, so that written bytes wait."""
        self._written = False
        """Whether the response to the lent request has been written."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._timer = asyncio.get_running_loop().call_later(self._limits.first_request, self.force_close)
        self._held.enter(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._returned = False
        self._held.leave(self)
        self._stop_timer()
        super().connection_lost(exc)

    # Lent by the fast path. Implements `express.connection.Borrower`.

    def borrow(self, data: bytes, length: int, give_back: Callable[[bytes], None]) -> None:
        """Handle one request of `length` bytes, of which `data` has arrived (and perhaps more), then give the connection back."""
        if self._returned:
            self._returned = False
            self._held.enter(self)
        self._give_back, self._left, self._lent, self._written = give_back, length, True, False
        self.data_received(data)

    def data_received(self, data: bytes) -> None:
        if not self._lent:
            super().data_received(data)
            return
        own, rest = data[: self._left], data[self._left :]
        self._left -= len(own)
        self._kept += rest
        if own or not data:  # no bytes: aiohttp parses what it held back while the handler was slower than the client
            super().data_received(own)
        if len(self._kept) > MAX_KEPT:
            self._keep_for_good()

    def log_access(self, request: web.BaseRequest, response: web.StreamResponse, time: float | None) -> None:
        """Note that a response has been written."""
        super().log_access(request, response, time)
        if not self._lent:
            return
        if self._left == 0 and response.keep_alive and request.content.is_eof():  # else it reads the rest of the body
            self._written = True
            asyncio.get_running_loop().call_soon(self._finish_lent)  # aiohttp has to finish with the request first
        else:
            self._keep_for_good()

    def _finish_lent(self) -> None:
        transport = self.transport
        if self._give_back is None or not (self._lent and self._written) or self._stalled:
            return
        if transport is None or transport.is_closing():
            return
        self._lent, self._returned = False, True
        kept, self._kept = self._kept, b""
        self._held.leave(self)
        self._give_back(kept)

    def _keep_for_good(self) -> None:
        """Keep the connection, and pass on what was kept."""
        self._lent, self._give_back = False, None
        kept, self._kept = self._kept, b""
        if kept:
            super().data_received(kept)

    def pause_writing(self) -> None:
        self._stalled = True
        super().pause_writing()

    def resume_writing(self) -> None:
        self._stalled = False
        super().resume_writing()
        asyncio.get_running_loop().call_soon(self._finish_lent)

    def force_close(self) -> None:
        """Close now. Not while the fast path has the connection: aiohttp's keep-alive timer does not know its requests."""
        if not self._returned:
            super().force_close()

    # Requests.

    def begin_request(self) -> None:
        """Mark the connection as busy and stop the timeout of its first request."""
        self._stop_timer()
        self._held.begin(self)

    def end_request(self) -> None:
        """Mark the connection as idle."""
        self._held.end(self)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Return the response to a malformed request or a failure outside the application. It closes the connection."""
        super().handle_error(request, status, exc, message)  # logs what is our fault; fails if an answer has begun
        answer = error_response(exc) if isinstance(exc, Exception) else None
        return last(answer or internal_error(), self._more_headers)


def last(answer: web.Response, headers: Mapping[str, str]) -> web.Response:
    """Return the answer as the last one of its connection."""
    answer.headers.update({**EVERYWHERE, **headers})
    answer.force_close()
    return answer
