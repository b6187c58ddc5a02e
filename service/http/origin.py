"""The service's public origin, with which absolute links begin, so that clients can follow `next`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from aiohttp import web

from service.http.client_address import Networks, is_trusted

HOST_HEADER = re.compile(r"(?:(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{0,5})?")
"""A valid Host header (RFC 9110 §7.2): host and optional port; empty for a request without an authority."""

_HOST = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
"""The hosts that links are made with: fewer than `HOST_HEADER` allows."""


@dataclass(frozen=True, slots=True)
class Origin:
    """`public_url` where it is set; else a trusted proxy's X-Forwarded-* headers; else the request's Host."""

    public_url: str | None = None
    trusted_proxies: Networks = ()

    def of(self, request: web.Request) -> str:
        """Scheme and host without a trailing slash, e.g. `https://api.example.com`."""
        if self.public_url:
            return self.public_url.rstrip("/")
        if is_trusted(request.remote or "", self.trusted_proxies):
            scheme = _first(request.headers.get("X-Forwarded-Proto", "")).lower()
            host = _first(request.headers.get("X-Forwarded-Host", ""))
            if scheme in ("http", "https") or _HOST.fullmatch(host):
                return _join(scheme or request.scheme, host or request.headers.get("Host", ""))
        return _join(request.scheme, request.headers.get("Host", ""))


def _join(scheme: str, host: str) -> str:
    known = scheme if scheme in ("http", "https") else "http"
    return f"{known}://{host if _HOST.fullmatch(host) else 'localhost'}"


def _first(header: str) -> str:
    """Return the first value. Chained proxies append theirs."""
    return header.partition(",")[0].strip()
