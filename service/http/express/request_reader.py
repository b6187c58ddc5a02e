"""Read the heads of plain requests with httptools (llhttp): HTTP/1.1 GET and OPTIONS without a body; the length of any other.

Anything doubtful is left to aiohttp: what llhttp refuses, and some of what it accepts: empty lines before the request line, more
than one space in it, folded header lines, repeated fields, characters outside ASCII.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from service.http.origin import HOST_HEADER

_LINE = re.compile(rb"(GET|OPTIONS) (/[!-\"$-~]*) HTTP/1\.1\r\n")
"""A request line with one space between its parts and a target in visible ASCII without a fragment (RFC 9112 §3)."""

_ANY_LINE = re.compile(rb"(?!CONNECT )[A-Z]{1,20} /[!-\"$-~]* HTTP/1\.1\r\n")
"""The same for any method of which the target is a path."""

_LENGTH = re.compile(r"[0-9]{1,12}")
"""A Content-Length without doubt (RFC 9110 §8.6)."""

_LINES = re.compile(rb"[\t\r\n -~]*")
"""What header lines consist of. llhttp also accepts obs-text and DEL."""

_REFUSED = frozenset(
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
"""Header fields that change how a request or its connection is read."""


class PlainRequest(NamedTuple):
    """`target` is the raw path and query. `headers` has lower-case names, `lines` are the header lines they were read from."""

    method: str
    target: str
    headers: Mapping[str, str]
    lines: bytes


class RequestReader:
    """Reads whole heads, one after the other, of any connections."""

    def __init__(self) -> None:
        self._parser: _HeadParser | None = None

    def read(self, head: bytes, last: PlainRequest | None = None) -> PlainRequest | None:
        """Return the request, or None if aiohttp should read it.

        Args:
            head: The bytes of the head, with the empty line at its end.
            last: The last request of this connection. If the header lines are the same, llhttp does not read them again: it has
                accepted them, and accepts every request line that `_LINE` matches.
        """
        plain = _LINE.match(head)
        if plain is None:
            return None
        lines = head[plain.end() :]
        if last is not None and lines == last.lines:
            return PlainRequest(plain[1].decode("ascii"), plain[2].decode("ascii"), last.headers, lines)
        # Put back only after a success: llhttp keeps its error state.
        parser, self._parser = self._parser or _HeadParser(), None
        headers = _plain_fields(parser.fields, lines) if parser.parse(head) and parser.target == plain[2] else None
        if headers is None:
            return None
        self._parser = parser
        return PlainRequest(plain[1].decode("ascii"), plain[2].decode("ascii"), headers, lines)

    def length(self, head: bytes) -> int | None:
        """Return the size of the whole request in bytes; None if it is in doubt, or the connection ends with this request."""
        if _ANY_LINE.match(head) is None:
            return None
        parser = _HeadParser()
        if not parser.parse(head, with_body=True):
            return None
        headers = _fields(parser.fields, head[head.index(b"\r\n") + 2 :])
        if headers is None or not _keeps_connection(headers, _REFUSED - {"content-length"}):
            return None
        length = headers.get("content-length", "0")
        return len(head) + int(length) if _LENGTH.fullmatch(length) else None


class _HeadParser:
    """One llhttp parser. It is used again after a plain request only, because others leave it in the middle of something."""

    def __init__(self) -> None:
        self.target = b""
        self.fields: list[tuple[bytes, bytes]] = []
        self._head_complete = self._complete = False
        self._parser = HttpRequestParser(self)

    def parse(self, head: bytes, *, with_body: bool = False) -> bool:
        """Read the target and the fields. Return False if the head is malformed or, unless it is `with_body`, not all of it."""
        self.target = b""
        self.fields.clear()
        self._head_complete = self._complete = False
        try:
            self._parser.feed_data(head)
        except (HttpParserError, HttpParserUpgrade):
            return False
        return self._head_complete if with_body else self._complete

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name, value))

    def on_headers_complete(self) -> None:
        self._head_complete = True

    def on_message_complete(self) -> None:
        self._complete = True


def _plain_fields(fields: list[tuple[bytes, bytes]], lines: bytes) -> dict[str, str] | None:
    """Return the header fields of a request without a body by lower-case name, or None as `_fields`."""
    headers = _fields(fields, lines)
    return headers if headers is not None and _keeps_connection(headers, _REFUSED) else None


def _fields(fields: list[tuple[bytes, bytes]], lines: bytes) -> dict[str, str] | None:
    """Return the header fields by lower-case name; None if one is repeated, folded or not ASCII, or the Host is not valid."""
    # A folded field takes more than one line (RFC 9112 §5.2); the last CRLF is the empty line.
    if len(fields) != lines.count(b"\r\n") - 1 or not _LINES.fullmatch(lines):
        return None
    headers = {name.decode("ascii").lower(): value.decode("ascii").strip(" \t") for name, value in fields}
    # A repeated name, which the dictionary would hide.
    if len(headers) != len(fields):
        return None
    return headers if HOST_HEADER.fullmatch(headers.get("host", "?")) else None


def _keeps_connection(headers: Mapping[str, str], refused: frozenset[str]) -> bool:
    """Return whether no field of `refused` changes how to read on. `Connection: keep-alive` alone changes nothing."""
    changing = refused.intersection(headers)
    return not changing or (changing == {"connection"} and headers["connection"].lower() == "keep-alive")
