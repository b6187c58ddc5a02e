"""Only plain requests are read; everything doubtful is left to aiohttp."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.http.express.request_reader import PlainRequest, RequestReader


def read(line: bytes = b"GET / HTTP/1.1", fields: bytes = b"Host: x") -> PlainRequest | None:
    return RequestReader().read(line + b"\r\n" + fields + b"\r\n\r\n")


@pytest.mark.parametrize(
    ("line", "parsed"),
    [
        (b"GET /a?b=c HTTP/1.1", ("GET", "/a?b=c")),
        (b"OPTIONS /a HTTP/1.1", ("OPTIONS", "/a")),
        (b"HEAD /a HTTP/1.1", None),
        (b"get /a HTTP/1.1", None),
        (b"GET /a HTTP/1.0", None),
        (b"GET /a HTTP/2.0", None),
        (b"GET /a", None),
        (b"GET /a b HTTP/1.1", None),
        (b"GET  /a HTTP/1.1", None),
        (b"GET /a  HTTP/1.1", None),
        (b"GET /a HTTP/1.1 ", None),
        (b"\r\nGET /a HTTP/1.1", None),
        (b"GET /a\tb HTTP/1.1", None),
        (b"GET /a\x00 HTTP/1.1", None),
        (b"GET /\xc3\xa4 HTTP/1.1", None),
        (b"GET /a\x7f HTTP/1.1", None),
        (b"GET /a#b HTTP/1.1", None),
        (b"GET http://x/a HTTP/1.1", None),
        (b"OPTIONS * HTTP/1.1", None),
        (b"", None),
    ],
)
def test_only_plain_request_lines_are_read(line: bytes, parsed: tuple[str, str] | None) -> None:
    request = read(line)
    assert (None if request is None else (request.method, request.target)) == parsed


@pytest.mark.parametrize(
    ("fields", "parsed"),
    [
        (b"Host: x", {"host": "x"}),
        (b"HOST:x\r\nX-Visitor-Id: \t a ", {"host": "x", "x-visitor-id": "a"}),
        (b"Host: x\r\nX-Visitor-Id:", {"host": "x", "x-visitor-id": ""}),
        (b"Host: x\r\nConnection: Keep-Alive", {"host": "x", "connection": "Keep-Alive"}),
        (b"Host: x\r\nConnection: keep-alive, close", None),
        (b"Host: x\r\nConnection: close", None),
        (b"Host: x\r\nConnection: keep-alive\r\nTE: trailers", None),
        (b"Host: x\r\nUpgrade: websocket\r\nConnection: upgrade", None),
        (b"Accept: */*", None),
        (b"Host: a b", None),
        (b"Host: x\r\nhost: x", None),
        (b"Host: x\r\n folded", None),
        (b"Host: x\r\nA: b\r\n\tfolded", None),
        (b"Host : x", None),
        (b"Host: x\r\nA: b\nC: d", None),
        (b"Host: x\r\nA: b\rC: d", None),
        (b"Host: x\r\nA: \x00", None),
        (b"Host: x\r\nA: \x01", None),
        (b"Host: x\r\nA: \x7f", None),
        (b"Host: x\r\nA: \xff", None),
        (b"Host: x\r\nno colon", None),
        (b"Host: x\r\n: no name", None),
        (b"Host: x\r\nTransfer-Encoding: chunked", None),
        (b"Host: x\r\nContent-Length: 1", None),
        (b"Host: x\r\nContent-Length: 0", None),
        (b"Host: x\r\nExpect: 100-continue", None),
        (b"", None),
    ],
)
def test_only_plain_header_fields_are_read(fields: bytes, parsed: dict[str, str] | None) -> None:
    request = read(fields=fields)
    assert (None if request is None else request.headers) == parsed


def test_an_incomplete_head_is_no_request() -> None:
    assert RequestReader().read(b"GET / HTTP/1.1\r\nHost: x\r\n") is None


def test_two_requests_at_once_are_not_read() -> None:
    assert RequestReader().read(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 2) is None


@pytest.mark.parametrize(
    "doubtful", [b"", b"Connection: close\r\n", b"Content-Length: 3\r\n", b"Upgrade: h2c\r\n", b"A\r\n", b"A: \x00\r\n"]
)
def test_a_doubtful_request_does_not_affect_the_next_one(doubtful: bytes) -> None:
    reader = RequestReader()
    first = reader.read(b"GET /1 HTTP/1.1\r\nHost: x\r\n\r\n")
    reader.read(b"GET /2 HTTP/1.1\r\nHost: x\r\n" + doubtful)
    reader.read(b"GET /2 HTTP/1.1\r\nHost: x\r\n" + doubtful + b"\r\n")
    reader.read(b"GET /2 HTTP/9.9\r\nHost: x\r\n\r\n", first)
    for last in (None, first):
        again = reader.read(b"GET /3?a HTTP/1.1\r\nHost: x\r\n\r\n", last)
        assert again == ("GET", "/3?a", {"host": "x"}, b"Host: x\r\n\r\n")


def test_header_fields_of_other_lines_are_not_returned_again() -> None:
    reader = RequestReader()
    first = reader.read(b"GET / HTTP/1.1\r\nHost: x\r\nX-Visitor-Id: ann\r\n\r\n")
    second = reader.read(b"GET / HTTP/1.1\r\nHost: x\r\nX-Visitor-Id: bob\r\n\r\n", first)
    assert second is not None and second.headers["x-visitor-id"] == "bob"


pieces = st.sampled_from(
    [
        b"Host: x",
        b"\r\n",
        b"\n",
        b"\r",
        b" ",
        b"\t",
        b":",
        b"A: b",
        b"Content-Length: 1",
        b"\x00",
        b"\x80",
        b"GET /a HTTP/1.1",
    ]
)


@given(st.one_of(st.binary(max_size=200), st.lists(pieces, max_size=12).map(b"".join)))
def test_garbage_never_raises_and_what_is_read_is_written_as_it_was_read(garbage: bytes) -> None:
    for line, fields in (
        (garbage, b"Host: x"),
        (b"GET /" + garbage + b" HTTP/1.1", b"Host: x"),
        (b"GET / HTTP/1.1", b"Host: x\r\n" + garbage),
    ):
        request = read(line, fields)
        if request is not None:
            assert f"{request.method} {request.target} HTTP/1.1".encode() == line
            assert len(request.headers) == (fields + b"\r\n\r\n").count(b"\r\n") - 1


@given(st.text(st.characters(max_codepoint=0x7F), max_size=60), st.sampled_from(["GET", "OPTIONS", "HEAD"]))
def test_header_lines_that_were_read_before_change_nothing_in_what_is_read(target: str, method: str) -> None:
    head = f"{method} /{target} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    reader = RequestReader()
    last = reader.read(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert last is not None
    assert reader.read(head, last) == RequestReader().read(head)
