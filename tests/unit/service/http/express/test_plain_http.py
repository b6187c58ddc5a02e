"""Only requests that leave no doubt are read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.http.express.plain_http import parse_headers, parse_request_line


@pytest.mark.parametrize(
    ("line", "parsed"),
    [
        (b"GET /a?b=c HTTP/1.1", ("GET", "/a?b=c")),
        (b"OPTIONS /a HTTP/1.1", ("OPTIONS", "/a")),
        (b"HEAD /a HTTP/1.1", None),
        (b"get /a HTTP/1.1", None),
        (b"GET /a HTTP/1.0", None),
        (b"GET /a b HTTP/1.1", None),
        (b"GET  /a HTTP/1.1", None),
        (b"GET /a\tb HTTP/1.1", None),
        (b"GET /a\x00 HTTP/1.1", None),
        (b"GET /\xc3\xa4 HTTP/1.1", None),
        (b"GET /a#b HTTP/1.1", None),
        (b"GET http://x/a HTTP/1.1", None),
        (b"OPTIONS * HTTP/1.1", None),
        (b"", None),
    ],
)
def test_only_plain_request_lines_are_read(line: bytes, parsed: tuple[str, str] | None) -> None:
    assert parse_request_line(line) == parsed


@pytest.mark.parametrize(
    ("block", "parsed"),
    [
        (b"Host: x", {"host": "x"}),
        (b"HOST:x\r\nX-Visitor-Id: \t a ", {"host": "x", "x-visitor-id": "a"}),
        (b"Host: x\r\nConnection: Keep-Alive", {"host": "x", "connection": "Keep-Alive"}),
        (b"Host: x\r\nConnection: keep-alive, close", None),
        (b"Accept: */*", None),
        (b"Host: x\r\nhost: x", None),
        (b"Host: x\r\n folded", None),
        (b"Host : x", None),
        (b"Host: x\r\nA: b\nC: d", None),
        (b"Host: x\r\nA: b\rC: d", None),
        (b"Host: x\r\nA: \x00", None),
        (b"Host: x\r\nA: \xff", None),
        (b"Host: x\r\nno colon", None),
        (b"Host: x\r\n: no name", None),
        (b"Host: x\r\nTransfer-Encoding: chunked", None),
        (b"Host: x\r\nContent-Length: 1", None),
        (b"", None),
    ],
)
def test_only_plain_headers_are_read(block: bytes, parsed: dict[str, str] | None) -> None:
    assert parse_headers(block) == parsed


@given(st.binary(max_size=200))
def test_garbage_never_raises(garbage: bytes) -> None:
    parse_request_line(garbage)
    parse_headers(garbage)
    parse_request_line(b"GET /" + garbage + b" HTTP/1.1")
    parse_headers(b"Host: x\r\n" + garbage)
