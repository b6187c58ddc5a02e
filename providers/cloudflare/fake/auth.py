"""Middleware of the fake: faults, the envelope, credentials, the rate limit, and time-based changes."""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Awaitable, Callable

from aiohttp import web

from providers.cloudflare.fake import notify
from providers.cloudflare.fake.config import RATE_WINDOW
from providers.cloudflare.fake.envelope import refusal
from providers.cloudflare.fake.faults import Fault
from providers.cloudflare.fake.server_state import SERVER, ApiError, ServerState

API_PREFIX = "/client/v4"
ADMIN_PREFIX = "/__admin"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def keep_time(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Apply time-based changes before and after the request; then store the state and send webhooks."""
    server = request.app[SERVER]
    server.base = (
        server.config.public_url or f"{request.scheme}://{request.host}/customer-{server.config.customer_code}"
    )
    server.settle()
    try:
        return await handler(request)
    finally:
        server.settle()
        if request.method != "GET":
            server.state.save(server.config.state_file)
        await notify.flush(server)


@web.middleware
async def inject_faults(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Inject a requested fault, except on the admin path."""
    server = request.app[SERVER]
    if request.path.startswith(ADMIN_PREFIX):
        return await handler(request)
    line = f"{request.method} {request.path}"
    server.requests.append(line)
    fault = server.faults.pop(line)
    return await handler(request) if fault is None else await _inject(fault, request, handler)


async def _inject(fault: Fault, request: web.Request, handler: Handler) -> web.StreamResponse:
    match fault.kind:
        case "status" | "no_code":
            answer = refusal(ApiError(fault.status, 10001, "Fault on order"), code=fault.kind == "status")
            if fault.retry_after is not None:
                answer.headers["retry-after"] = str(fault.retry_after)
            return answer
        case "garbage":
            return web.Response(text="<html>not what you asked for</html>", content_type="text/html")
        case "reset":
            return _hang_up(request)
        case "reset_after":
            await handler(request)
            return _hang_up(request)
        case "slow":
            await asyncio.sleep(fault.seconds)
            return await handler(request)
        case "null_messages":
            return _without_messages(await handler(request))


def _hang_up(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def _without_messages(answer: web.StreamResponse) -> web.Response:
    body = json.loads(answer.body) if isinstance(answer, web.Response) and isinstance(answer.body, bytes) else {}
    return web.json_response(body | {"messages": None}, status=answer.status)


@web.middleware
async def guard_api(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Check credentials and the rate limit below the API prefix; put every error in the envelope."""
    if not request.path.startswith(API_PREFIX):
        return await handler(request)
    server = request.app[SERVER]
    wait = server.rate.admit(server.clock.now().timestamp(), server.config.rate_limit)
    answer: web.StreamResponse
    try:
        if wait:
            raise ApiError(429, 971, "Please wait and consider throttling your request speed")
        _authenticate(request, server)
        answer = await handler(request)
    except ApiError as error:
        answer = refusal(error)
    except web.HTTPNotFound:
        answer = refusal(
            ApiError(404, 7003, f"Could not route to {request.path}, perhaps your object identifier is invalid?")
        )
    except web.HTTPMethodNotAllowed:
        answer = refusal(ApiError(405, 10405, "Method not allowed for this authentication scheme"))
    _add_headers(answer, server, wait)
    return answer


def _add_headers(answer: web.StreamResponse, server: ServerState, wait: float) -> None:
    window_ends = server.rate.began + RATE_WINDOW - server.clock.now().timestamp()
    left = max(0, server.config.rate_limit - server.rate.used)
    answer.headers["Ratelimit"] = f'"default";r={left};t={max(0, round(window_ends))}'
    answer.headers["Ratelimit-Policy"] = f'"default";q={server.config.rate_limit};w={RATE_WINDOW}'
    answer.headers["cf-ray"] = f"{next(server.rays):016x}-FAK"
    if wait:
        answer.headers["retry-after"] = str(round(wait))


def _authenticate(request: web.Request, server: ServerState) -> None:
    header = request.headers.get("Authorization")
    legacy = request.headers.get("X-Auth-Key")
    if header is None and (legacy is None or "X-Auth-Email" not in request.headers):
        raise ApiError(400, 9106, "Missing X-Auth-Key, X-Auth-Email or Authorization headers")
    token = legacy or ""
    if header is not None:
        scheme, _, token = header.partition(" ")
        if scheme != "Bearer" or not token or " " in token:
            chain: list[dict[str, object]] = [{"code": 6111, "message": "Invalid format for Authorization header"}]
            raise ApiError(400, 6003, "Invalid request headers", chain)
    right_account = request.path.startswith(f"{API_PREFIX}/accounts/{server.config.account_id}/")
    if not right_account or not hmac.compare_digest(token.encode(), server.config.api_token.encode()):
        raise ApiError(server.switches.wrong_token_status, 10000, "Authentication error")
