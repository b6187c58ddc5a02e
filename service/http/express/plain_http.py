"""Requests that leave no doubt, read strictly: a plain HTTP/1.1 GET or OPTIONS. Whatever else there is belongs to aiohttp."""

from __future__ import annotations

import re

_NOT_PLAIN = frozenset(
    {
        "connection",
        "content-encoding",
        "content-length",
        "expect",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Headers that change how a request or its connection is read; `Connection: keep-alive` alone says nothing new."""

HOST = re.compile(r"(?:(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{0,5})?")
"""The value of a Host header (RFC 9110 §7.2): host and optional port; empty for a request without an authority."""

_REQUEST_LINE = re.compile(rb"(GET|OPTIONS) (/[!-\"$-~]*) HTTP/1\.1")
"""Method and target: visible ASCII but for the #, which no request may carry."""


def parse_request_line(line: bytes) -> tuple[str, str] | None:
    """Method and target of a plain HTTP/1.1 GET or OPTIONS (RFC 9112 §3), None for anything else."""
    found = _REQUEST_LINE.fullmatch(line)
    return None if found is None else (found[1].decode("ascii"), found[2].decode("ascii"))


def parse_headers(block: bytes) -> dict[str, str] | None:
    """Header fields by lower-case name, if they are plain (RFC 9112 §5): no doubles, folds, bare CR or LF, nothing but ASCII.

    None as well without a valid Host, and with any field that changes how the request or the connection is read.
    """
    if not block.isascii():
        return None
    headers: dict[str, str] = {}
    for line in block.decode("ascii").split("\r\n"):
        name, colon, value = line.partition(":")
        value = value.strip(" \t")
        name = name.lower()
        if not colon or not _is_token(name) or name in headers or not value.replace("\t", " ").isprintable():
            return None
        if name in _NOT_PLAIN and (name, value.lower()) != ("connection", "keep-alive"):
            return None
        headers[name] = value
    return headers if HOST.fullmatch(headers.get("host", "?")) else None


_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")


def _is_token(name: str) -> bool:
    """RFC 9110 §5.6.2, already in lower case."""
    return bool(name) and _TOKEN.issuperset(name)
