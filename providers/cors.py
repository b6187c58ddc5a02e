"""CORS (WHATWG Fetch §3.3): every origin may call the API and play media, because credentials are sent in a header, never in a
cookie."""

from __future__ import annotations

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
"""The methods of the API."""

READ_METHODS = ("GET", "HEAD", "OPTIONS")
"""The methods of media and of the endpoints that players poll."""

PREFLIGHT_MAX_AGE = 86_400
"""Seconds a browser may cache a preflight."""

_ANY_ORIGIN = ("Access-Control-Allow-Origin", "*")
_EXPOSE = "Access-Control-Expose-Headers"
_API_HEADERS = "authorization, content-type, accept, if-none-match, {}x-visitor-id, x-giosg-visitor-id"

# Headers that players send (CMCD-… from CTA-5004), and those that pages add to all their requests.
_MEDIA_HEADERS = (
    "Range, If-None-Match, If-Range, CMCD-Request, CMCD-Object, CMCD-Status, CMCD-Session, "
    "Authorization, Content-Type, Accept, X-Request-Id, X-Visitor-Id"
)


def _preflight(methods: tuple[str, ...], headers: str) -> dict[str, str]:
    return {
        "Access-Control-Allow-Headers": headers,
        "Access-Control-Allow-Methods": ", ".join(methods),
        "Access-Control-Max-Age": str(PREFLIGHT_MAX_AGE),
    }


CORS = dict((_ANY_ORIGIN, (_EXPOSE, "Age, ETag, Retry-After, X-Degraded, X-Request-Id")))
"""On every response."""

PREFLIGHT = _preflight(METHODS, _API_HEADERS.format("x-request-id, "))
"""On responses to preflights, beside `CORS`."""

POLL_CORS = (_ANY_ORIGIN, (_EXPOSE, "ETag, Retry-After"))
"""On responses to polls: only the headers that they have."""

POLL_PREFLIGHT = (*POLL_CORS, *_preflight(READ_METHODS, _API_HEADERS.format("")).items())
"""On responses to preflights of polls."""

MEDIA_CORS = dict((_ANY_ORIGIN, (_EXPOSE, "Content-Length, Content-Range, Date, ETag")))
"""On manifests, media and thumbnails."""

MEDIA_PREFLIGHT = {**MEDIA_CORS, **_preflight(READ_METHODS, _MEDIA_HEADERS)}
"""On responses to preflights of media."""
