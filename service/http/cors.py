"""CORS (WHATWG Fetch §3.3): every origin may call the API, because credentials are sent in a header and never in a cookie."""

from __future__ import annotations

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
"""The methods of the API."""

POLL_METHODS = ("GET", "HEAD", "OPTIONS")
"""The methods of the endpoints that players poll."""

PREFLIGHT_MAX_AGE = 86_400
"""Seconds a browser may cache a preflight."""

_ANY_ORIGIN = ("Access-Control-Allow-Origin", "*")
_REQUEST_HEADERS = "authorization, content-type, accept, if-none-match, {}x-visitor-id, x-giosg-visitor-id"

CORS = dict((_ANY_ORIGIN, ("Access-Control-Expose-Headers", "Age, ETag, Retry-After, X-Degraded, X-Request-Id")))
"""On every response."""

POLL_CORS = (_ANY_ORIGIN, ("Access-Control-Expose-Headers", "ETag, Retry-After"))
"""On responses to polls: only the headers that they have."""


def _preflight(methods: tuple[str, ...], more_headers: str = "") -> dict[str, str]:
    return {
        "Access-Control-Allow-Headers": _REQUEST_HEADERS.format(more_headers),
        "Access-Control-Allow-Methods": ", ".join(methods),
        "Access-Control-Max-Age": str(PREFLIGHT_MAX_AGE),
    }


PREFLIGHT = _preflight(METHODS, "x-request-id, ")
"""On responses to preflights, beside `CORS`."""

POLL_PREFLIGHT = (*POLL_CORS, *_preflight(POLL_METHODS).items())
"""On responses to preflights of polls."""
