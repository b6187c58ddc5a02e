"""For those who run the service: alive? ready? and the figures."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Literal

import structlog
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from service.http.operation import Call, Nothing, Operation, Reply, operation
from service.http.schemas import Answer

log = structlog.get_logger(__name__)

CHECK_TIMEOUT = 2.0
"""Seconds a readiness check may take."""

TAG = "Operations"
NO_STORE = {"Cache-Control": "no-store"}

Check = Callable[[], Awaitable[None]]


class Alive(Answer):
    status: Literal["ok"]


class Ready(Answer):
    """`checks` says by part: ok, or what is wrong with it."""

    status: Literal["ready", "draining", "unready"]
    checks: dict[str, str]


class Readiness:
    """What the service needs to serve, by name; `draining` is set while it stops, so that a load balancer looks elsewhere."""

    def __init__(self, checks: Mapping[str, Check]) -> None:
        self._checks = dict(checks)
        self.draining = False

    async def ask(self) -> Ready:
        """Every check at once, each within CHECK_TIMEOUT."""
        outcomes = await asyncio.gather(*(_outcome(name, check) for name, check in self._checks.items()))
        checks = dict(zip(self._checks, outcomes, strict=True))
        if self.draining:
            return Ready(status="draining", checks=checks)
        return Ready(status="ready" if all(each == "ok" for each in outcomes) else "unready", checks=checks)


async def _outcome(name: str, check: Check) -> str:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT):
            await check()
    except TimeoutError:
        return "no answer"
    except Exception as failure:
        log.warning("not ready", part=name, reason=type(failure).__name__)
        return "unavailable"
    return "ok"


def operations(readiness: Readiness) -> list[Operation]:
    """The operations of this resource."""

    @operation("GET", "/healthz", answers={200: Alive}, public=True, tag=TAG, summary="Is the process alive?")
    async def get_health(call: Call[Nothing, Nothing]) -> Reply:
        """200 while the process answers at all."""
        return Reply(Alive(status="ok"), headers=NO_STORE)

    @operation("GET", "/readyz", answers={200: Ready, 503: Ready}, public=True, tag=TAG, summary="Can it serve?")
    async def get_readiness(call: Call[Nothing, Nothing]) -> Reply:
        """503 while something it stands on is away, and while it stops."""
        answer = await readiness.ask()
        if answer.status == "ready":
            return Reply(answer, headers=NO_STORE)
        return Reply(answer, status=503, headers={**NO_STORE, "Retry-After": "1"})

    return [get_health, get_readiness]


def metrics_routes(registry: CollectorRegistry) -> list[web.RouteDef]:
    """GET /metrics in Prometheus' text format."""

    async def metrics(_request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST, **NO_STORE})

    return [web.get("/metrics", metrics), web.get("/metrics/", metrics)]
