"""Application and server of the fake: API below /client/v4, delivery below /customer-<CODE>, controls below /__admin."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from pathlib import Path

import structlog
from aiohttp import ClientSession, web

from providers.cloudflare.fake import admin, auth, delivery, inputs, notify, outputs, signing, videos
from providers.cloudflare.fake.config import MAX_BODY, FakeConfig, MovableClock, OffsetClock
from providers.cloudflare.fake.server_state import SERVER, ServerState
from providers.cloudflare.fake.state import AccountState

log = structlog.get_logger(__name__)

TICK = 0.5
"""Seconds between time-based updates without requests; they send the webhooks that become due (recording ready)."""

STOP_TIMEOUT = 2.0
"""Seconds open requests have when the server stops."""


def make_app(config: FakeConfig | None = None, clock: MovableClock | None = None) -> web.Application:
    """Return the fake as an application. Its state advances only with requests; `serve` adds periodic updates."""
    config = config or FakeConfig()
    server = ServerState(
        config, clock or OffsetClock(), AccountState.load(config.state_file), config.switches.model_copy()
    )
    if config.live_webhook_url is not None:
        server.live_webhook = (config.live_webhook_url, config.live_webhook_secret)
    app = web.Application(middlewares=[auth.keep_time, auth.inject_faults, auth.guard_api], client_max_size=MAX_BODY)
    app[SERVER] = server
    # Fixed paths of /stream before /stream/{video}.
    api = f"{auth.API_PREFIX}/accounts/{config.account_id}"
    app.add_routes(_below(api, [*inputs.routes(), *outputs.routes(), *signing.routes(), *videos.routes()]))
    app.add_routes(_below(f"/customer-{config.customer_code}", delivery.routes()))
    app.add_routes(_below(auth.ADMIN_PREFIX, admin.routes()))
    app.cleanup_ctx.append(_webhook_client)
    return app


async def serve(
    host: str = "127.0.0.1", port: int = 8090, state_file: Path | None = None, config: FakeConfig | None = None
) -> None:
    """Serve until cancelled. `state_file` overrides the one in `config`."""
    config = config or FakeConfig()
    app = make_app(replace(config, state_file=state_file or config.state_file))
    runner = web.AppRunner(app, shutdown_timeout=STOP_TIMEOUT, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        origin = "http://{}:{}".format(*runner.addresses[0][:2])
        log.info(
            "the fake Cloudflare listens",
            base_url=f"{origin}{auth.API_PREFIX}",
            customer_url=f"{origin}/customer-{config.customer_code}",
            account_id=config.account_id,
        )
        await _tick(app[SERVER])
    finally:
        await runner.cleanup()


async def _tick(server: ServerState) -> None:
    while True:
        await asyncio.sleep(TICK)
        server.settle()
        if server.outbox:
            server.state.save(server.config.state_file)
            await notify.flush(server)


async def _webhook_client(app: web.Application) -> AsyncIterator[None]:
    async with ClientSession() as http:
        app[SERVER].http = http
        yield


def _below(prefix: str, routes: Iterable[web.RouteDef]) -> list[web.RouteDef]:
    return [_elsewhere(route, prefix + route.path) for route in routes]


def _elsewhere(route: web.RouteDef, path: str) -> web.RouteDef:
    """Return the same route under another path."""
    return web.RouteDef(route.method, path, route.handler, route.kwargs)
