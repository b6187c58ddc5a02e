"""The HTTP server: aiohttp behind the fast path, on one port.

Errors before a request reaches the application (malformed HTTP, an unknown expectation) have the shape of all other errors.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from types import MappingProxyType
from typing import Any

from aiohttp import web

from providers.base import Spawn
from providers.cors import CORS
from service.http.aiohttp_connection import AiohttpConnection, last
from service.http.errors import error_response, malformed
from service.http.express.fast_path import FastPath
from service.http.express.limits import FastPathLimits
from service.http.held_connections import HeldConnections, HeldLimits
from service.http.origin import HOST_HEADER
from service.http.wire import Answer, WireReply

SHUTDOWN_TIMEOUT = 5.0
"""Timeout for running requests at shutdown, in seconds."""

MAX_PATH = 1024
"""Maximum length of a path in bytes. aiohttp's router takes time quadratic in the number of slashes."""


@asynccontextmanager
async def serving(
    app: web.Application,
    answer: Answer,
    host: str,
    port: int,
    *,
    spawn: Spawn,
    on_reply: Callable[[WireReply], None] = lambda reply: None,
    headers: Mapping[str, str] = MappingProxyType({}),
    held_limits: HeldLimits = HeldLimits(),  # noqa: B008  # frozen
) -> AsyncIterator[int]:
    """Serve on host and port and yield the port (useful with 0); then finish running requests and close. Errors: OSError.

    `answer` is the fast path's, `on_reply` is called with each of its replies. `headers` are added to every response, also to
    errors that are answered before the application.
    """

    async def add_headers(_request: web.BaseRequest, response: web.StreamResponse) -> None:
        response.headers.update(headers)

    app.on_response_prepare.append(add_headers)
    limits = FastPathLimits()
    runner = web.AppRunner(app, shutdown_timeout=SHUTDOWN_TIMEOUT)
    await runner.setup()
    server = runner.server
    assert server is not None  # noqa: S101 (after setup)
    held = HeldConnections(held_limits.max_connections)
    server.request_handler = _expecting_nothing_odd(server.request_handler, headers)
    successor = partial(_aiohttp_connection, server, held, held_limits, headers, limits.idle_timeout)
    fast_path = FastPath(
        successor, answer, spawn=spawn, limits=limits, on_reply=on_reply, refusal=_refusal, headers=headers
    )
    try:
        yield await fast_path.listen(host, port)
    finally:
        await fast_path.aclose()
        await runner.cleanup()


@asynccontextmanager
async def listening(app: web.Application, host: str, port: int) -> AsyncIterator[None]:
    """Serve a small application for operators on a port of its own, without the fast path. Errors: OSError."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_TIMEOUT)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield
    finally:
        await runner.cleanup()


def transport_security(max_age: int) -> dict[str, str]:
    """Return the header that makes browsers use only https for `max_age` seconds (RFC 6797); none for 0."""
    return {"Strict-Transport-Security": f"max-age={max_age}"} if max_age else {}


def _aiohttp_connection(
    server: web.Server,
    held: HeldConnections,
    held_limits: HeldLimits,
    headers: Mapping[str, str],
    idle_timeout: float,
) -> asyncio.Protocol:
    """Return the connection that takes over from the fast path what only aiohttp answers."""
    no_log: Any = None  # accepted according to aiohttp's documentation, not its types
    return AiohttpConnection(
        server,
        held,
        held_limits,
        headers,
        loop=asyncio.get_running_loop(),
        access_log=no_log,
        keepalive_timeout=idle_timeout,
        auto_decompress=False,  # aiohttp would inflate a body while it arrives, before any check
    )


def _expecting_nothing_odd(
    handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]], headers: Mapping[str, str]
) -> Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]:
    """Refuse what aiohttp would accept: it handles `Expect` before the application's middleware, and reads any version of HTTP's
    grammar, any Host and any transfer coding (which it does not decode)."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        connection = request.protocol
        assert isinstance(connection, AiohttpConnection)  # noqa: S101 (the only kind that is made here)
        connection.begin_request()
        try:
            if request.version.major != 1:
                raise web.HTTPVersionNotSupported
            if HOST_HEADER.fullmatch(request.headers.get("Host", "")) is None:
                raise web.HTTPBadRequest(reason="The Host header is not valid.")
            if len(request.raw_path.partition("?")[0]) > MAX_PATH:
                raise web.HTTPRequestURITooLong
            # An unknown coding is a 501 (RFC 9112 §6.1).
            if request.headers.get("Transfer-Encoding", "chunked").strip().lower() != "chunked":
                raise web.HTTPNotImplemented(reason="The only supported transfer coding is chunked.")
            return await handler(request)
        except web.HTTPException as error:
            answer = error_response(error)
            if answer is None:
                raise
            return last(answer, headers)
        finally:
            connection.end_request()

    return handle


def _refusal(reason: str) -> WireReply:
    """Return the fast path's response to a malformed request. It closes the connection."""
    answer = malformed(reason)
    body = answer.body if isinstance(answer.body, bytes) else b""
    return WireReply(
        "unmatched", answer.status, (*CORS.items(), ("Connection", "close"), *answer.headers.items()), body
    )
