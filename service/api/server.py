"""The HTTP server: aiohttp behind the express lane, on one port.

What fails before a request reaches the application (it is no HTTP, or expects what nobody can do) is answered like any other error.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from providers.base import Spawn
from service.api.errors import error_response, internal_error
from service.api.express import ExpressLane, ExpressLimits
from service.api.express_connection import Answer
from service.api.middleware import CORS
from service.api.wire import WireReply

SHUTDOWN_TIMEOUT = 5.0
"""Seconds running requests have to finish."""


@asynccontextmanager
async def serving(
    app: web.Application,
    answer: Answer,
    host: str,
    port: int,
    *,
    spawn: Spawn,
    on_reply: Callable[[WireReply], None] = lambda reply: None,
) -> AsyncIterator[int]:
    """Answer on host and port, yields the port (useful with 0); then finish what runs and close. Errors: OSError.

    `answer` is the lane's, `on_reply` hears of each of its replies.
    """
    limits = ExpressLimits()
    runner = web.AppRunner(app, shutdown_timeout=SHUTDOWN_TIMEOUT)
    await runner.setup()
    server = runner.server
    assert server is not None  # noqa: S101 (after setup)
    server.request_handler = _expecting_nothing_odd(server.request_handler)
    loop = asyncio.get_running_loop()

    def successor() -> asyncio.Protocol:
        no_log: Any = None  # aiohttp takes it, and says so only in its documentation
        return _Protocol(server, loop=loop, access_log=no_log, keepalive_timeout=limits.idle_timeout)

    lane = ExpressLane(successor, answer, spawn=spawn, limits=limits, on_reply=on_reply)
    try:
        yield await lane.listen(host, port)
    finally:
        await lane.aclose()
        await runner.cleanup()


class _Protocol(web.RequestHandler):
    """aiohttp's, which answers what it cannot read in plain text, with what it read."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to what did not become a request, or failed outside the application; the connection ends with it."""
        super().handle_error(request, status, exc, message)  # logs what is our fault; fails if an answer has begun
        answer = error_response(exc) if isinstance(exc, Exception) else None
        return _last(answer or internal_error())


def _expecting_nothing_odd(
    handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
) -> Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]:
    """aiohttp looks at `Expect` before it asks the application's middleware, and reads any version of HTTP's grammar."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        try:
            if request.version.major != 1:
                raise web.HTTPVersionNotSupported
            return await handler(request)
        except web.HTTPException as error:
            answer = error_response(error)
            if answer is None:
                raise
            return _last(answer)

    return handle


def _last(answer: web.Response) -> web.Response:
    answer.headers.update(CORS)
    answer.force_close()
    return answer
