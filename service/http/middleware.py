"""Middleware of every request, outermost first: request id, errors, CORS and metrics."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable
from uuid import uuid4

import structlog
from aiohttp import web
from aiohttp.typedefs import Middleware
from prometheus_client import CollectorRegistry, Counter, Histogram

from providers.cors import CORS, METHODS, PREFLIGHT
from service.domain.access.guess_limits import Guesses
from service.domain.errors import Throttled
from service.http.client_address import Networks, client_address
from service.http.errors import Coded, error_response, internal_error
from service.http.wire import SAFETY

log = structlog.get_logger(__name__)

REQUEST_ID_HEADER = "X-Request-Id"
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
"""Request ids of clients that are kept; any other is replaced."""

_FILE = re.compile(r"^[^{]*\.[a-z]+$")
"""The path of a file: without a variable part, with a suffix."""

HEADER_NAMES = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~, -]{1,1024}")
"""A list of header names (RFC 9110 §5.6.2)."""

EVERYWHERE = {**CORS, **SAFETY}
"""Headers of every answer, errors included."""

Next = Callable[[web.Request], Awaitable[web.StreamResponse]]


class RequestMetrics:
    """Request metrics: count by route and status, and duration, without requests that last as long as the client wants."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "conference_http_requests", "Requests answered.", ("method", "route", "status"), registry=registry
        )
        self._seconds = Histogram(
            "conference_http_request_seconds", "Time to answer a request.", ("route",), registry=registry
        )

    def note(self, request: web.Request, response: web.StreamResponse, seconds: float) -> None:
        resource = request.match_info.route.resource
        route = "unmatched" if resource is None else _series(resource.canonical)
        # Clients choose the method: each unknown one would be another time series.
        method = request.method if request.method in METHODS else "other"
        self._requests.labels(method, route, str(response.status)).inc()
        if not _lasts(request, response):
            self._seconds.labels(route).observe(seconds)


def _series(path: str) -> str:
    """Return the label of a route. The files of the pages share one."""
    return "files" if _FILE.search(path) else path.rstrip("/") or "/"


def _lasts(request: web.Request, response: web.StreamResponse) -> bool:
    """Return whether the response waits on purpose: a socket, an event stream, a blocking reload (RFC 8216bis §6.2.5.2)."""
    if isinstance(response, web.WebSocketResponse) or "_HLS_msn" in request.query:
        return True
    return response.content_type == "text/event-stream"


GUESSABLE = ("/api/pub/public/", "/api/v5/public/", "/watch/", "/public/api/")
"""Prefixes of public paths that contain an id which opens something."""

GUESSED = ("channel_id", "inbox_identifier", "organization_id", "recording_uid")
"""These ids."""

CREDENTIALS = ("Authorization", "api_access_token", "api-access-token")
"""Headers with credentials."""

SECRET_PATHS = ("/public/api/", "/inbox-files/")
"""Prefixes of paths that contain credentials: source ids, and addresses of files."""

FOREIGN_CLIENTS = "/public/api/"
"""Prefix of the paths that browsers may call with any header: clients that we do not know call them."""


def envelope(metrics: RequestMetrics, guesses: Guesses | None = None, trusted_proxies: Networks = ()) -> Middleware:
    """Return the middleware: request id, CORS, metrics, error responses and the limit on wrong guesses."""

    @web.middleware
    async def around(request: web.Request, handler: Next) -> web.StreamResponse:
        began = time.perf_counter()
        given = request.headers.get(REQUEST_ID_HEADER, "")
        request_id = given if REQUEST_ID.fullmatch(given) else uuid4().hex
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            response = await _answer(request, handler)
        if guesses is not None and _is_wrong_guess(request, response.status):
            response = _counted(guesses, request, trusted_proxies) or response
        # The headers of a prepared response, such as a socket's, have been sent.
        if not response.prepared:
            response.headers[REQUEST_ID_HEADER] = request_id
            for name, value in EVERYWHERE.items():
                response.headers.setdefault(name, value)
        metrics.note(request, response, time.perf_counter() - began)
        return response

    return around


async def _answer(request: web.Request, handler: Next) -> web.StreamResponse:
    if is_coded(request.headers.getall("Content-Encoding", [])):
        return error_response(Coded()) or internal_error()
    if request.method == "OPTIONS" and request.match_info.http_exception is not None:  # no route answers it itself
        return web.Response(status=204, headers=_preflight(request))
    try:
        return await handler(request)
    except Exception as error:
        answer = error_response(error)
        if answer is not None:
            return answer
        if isinstance(error, web.HTTPException):
            raise
        log.exception("request failed", method=request.method, path=_loggable(request))
        return internal_error()


def _loggable(request: web.Request) -> str:
    """Return the path for the log: only its pattern where it contains what opens something."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None and request.path.startswith(SECRET_PATHS) else request.path


def _preflight(request: web.Request) -> dict[str, str]:
    wanted = request.headers.get("Access-Control-Request-Headers", "")
    if request.path.startswith(FOREIGN_CLIENTS) and HEADER_NAMES.fullmatch(wanted):
        return {**PREFLIGHT, "Access-Control-Allow-Headers": wanted, "Vary": "Access-Control-Request-Headers"}
    return PREFLIGHT


def _is_wrong_guess(request: web.Request, status: int) -> bool:
    """Return whether the response is to an unknown id of a public path or to invalid credentials."""
    if status == 404:
        guessed = any(name in request.match_info for name in GUESSED)
        return guessed and request.path.startswith(GUESSABLE)
    return status == 401 and any(name in request.headers for name in CREDENTIALS)


def _counted(guesses: Guesses, request: web.Request, trusted_proxies: Networks) -> web.Response | None:
    """Count a wrong guess. Return the response if there were too many, else None."""
    forwarded = ", ".join(request.headers.getall("X-Forwarded-For", []))
    try:
        guesses.wrong(client_address(request.remote or "", forwarded, trusted_proxies))
    except Throttled as too_many:
        return error_response(too_many)
    return None


def is_coded(content_encodings: list[str]) -> bool:
    """Return whether a body with these Content-Encoding headers is anything but the plain bytes (RFC 9110 §8.4.1)."""
    return any(
        coding.strip().lower() not in ("", "identity") for each in content_encodings for coding in each.split(",")
    )
