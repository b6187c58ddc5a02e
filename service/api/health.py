"""Endpoints for operators: liveness, readiness and metrics."""

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
"""Seconds a readiness check may take by default."""

TAG = "Operations"
NO_STORE = {"Cache-Control": "no-store"}

Check = Callable[[], Awaitable[None]]


class Alive(Answer):
    status: Literal["ok"]


class Ready(Answer):
    """`checks` maps each part of the service to `ok` or to its error."""

    status: Literal["ready", "draining", "unready"]
    checks: dict[str, str]


class Readiness:
    """Readiness checks by name. `draining` is set during shutdown, so that load balancers stop sending requests."""

    def __init__(self, checks: Mapping[str, Check], check_timeout: float = CHECK_TIMEOUT) -> None:
        self._check_timeout = check_timeout
        self._checks = dict(checks)
        self.draining = False

    async def ask(self) -> Ready:
        """Run all checks at the same time, each within `check_timeout`."""
        outcomes = await asyncio.gather(*(self._outcome(name, check) for name, check in self._checks.items()))
        checks = dict(zip(self._checks, outcomes, strict=True))
        if self.draining:
            return Ready(status="draining", checks=checks)
        return Ready(status="ready" if all(each == "ok" for each in outcomes) else "unready", checks=checks)

    async def by_part(self) -> Mapping[str, str]:
        """Return "ok" or an error for each part."""
        return (await self.ask()).checks

    async def _outcome(self, name: str, check: Check) -> str:
        try:
            async with asyncio.timeout(self._check_timeout):
                await check()
        except TimeoutError:
            return "no answer"
        except Exception as failure:
            log.warning("not ready", part=name, reason=type(failure).__name__)
            return "unavailable"
        return "ok"


def operations(readiness: Readiness) -> list[Operation]:
    """Return the operations of this resource."""

    @operation("GET", "/healthz", answers={200: Alive}, public=True, tag=TAG, summary="Check liveness")
    async def get_health(call: Call[Nothing, Nothing]) -> Reply:
        """Return 200 while the process responds."""
        return Reply(Alive(status="ok"), headers=NO_STORE)

    @operation("GET", "/readyz", answers={200: Ready, 503: Ready}, public=True, tag=TAG, summary="Check readiness")
    async def get_readiness(call: Call[Nothing, Nothing]) -> Reply:
        """Return 503 while a dependency is unavailable and during shutdown."""
        answer = await readiness.ask()
        if answer.status == "ready":
            return Reply(answer, headers=NO_STORE)
        return Reply(answer, status=503, headers={**NO_STORE, "Retry-After": "1"})

    return [get_health, get_readiness]


async def nothing_to_refresh() -> None:
    """Refresh nothing before a scrape."""


def metrics_routes(registry: CollectorRegistry, refresh: Callable[[], Awaitable[None]]) -> list[web.RouteDef]:
    """Return the route of GET /metrics, in Prometheus' text format. `refresh` is awaited before each scrape."""

    async def metrics(_request: web.Request) -> web.Response:
        await refresh()
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST, **NO_STORE})

    return [web.get("/metrics", metrics), web.get("/metrics/", metrics)]
