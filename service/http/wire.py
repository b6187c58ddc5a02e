"""Responses that are ready to be sent, by aiohttp or by the fast path."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from functools import cached_property
from http import HTTPStatus

SAFETY = {"X-Content-Type-Options": "nosniff", "Server": "conference"}
"""On every response: no content sniffing, and no version of any component."""

_SAFETY_LINES = "\r\n".join(f"{name}: {value}" for name, value in SAFETY.items())


@dataclass(frozen=True)
class WireReply:
    """`route` names the endpoint for the metrics. The headers hold what is particular, not Content-Length and Date."""

    route: str
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""

    @cached_property
    def wire(self) -> bytes:
        """Return the whole HTTP/1.1 response (RFC 9112), cached: keep a reply no longer than its Date may be old."""
        lines = [
            f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}",
            f"Date: {formatdate(usegmt=True)}",
            _SAFETY_LINES,
        ]
        lines += [f"{name}: {value}" for name, value in self.headers]
        if self.status not in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED):
            lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + self.body


LaterReply = Callable[[], Awaitable[WireReply]]
"""A reply that has to be awaited; it limits the wait itself. After any exception aiohttp handles the request."""

Answer = Callable[[str, str, Mapping[str, str], str], WireReply | LaterReply | None]
"""Called with the method, the raw target, the headers under lower-case names and the peer's address.

None, or any exception: aiohttp handles the request.
"""
