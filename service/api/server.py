"""The HTTP server: aiohttp behind the express lane, on one port."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from providers.base import Spawn
from service.api.express import Answer, ExpressLane, ExpressLimits
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
    runner = web.AppRunner(
        app, access_log=None, shutdown_timeout=SHUTDOWN_TIMEOUT, keepalive_timeout=limits.idle_timeout
    )
    await runner.setup()
    assert runner.server is not None  # noqa: S101 (after setup)
    lane = ExpressLane(runner.server, answer, spawn=spawn, limits=limits, on_reply=on_reply)
    try:
        yield await lane.listen(host, port)
    finally:
        await lane.aclose()
        await runner.cleanup()
