"""Malformed or unreadable HTTP requests get the contract's error, and the connection is closed."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

import pytest
from aiohttp import web
from aiohttp.typedefs import Handler
from prometheus_client import CollectorRegistry

from service.clock import SystemClock
from service.concurrency.tasks import Tasks
from service.domain.access.accounts import Identity
from service.http.binding import BodyLimits, bind
from service.http.held_connections import HeldLimits
from service.http.middleware import RequestMetrics, envelope
from service.http.operation import Call, Nothing, Reply, operation
from service.http.origin import Origin
from service.http.schemas import Answer
from service.http.server import serving, transport_security
from service.http.wire import WireReply
from tests.waiting import PATIENCE

POST = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
SECRET = b"a-secret-that-is-not-repeated"


class Echo(Answer):
    text: str


class NoAuthenticator:
    """An authenticator for operations that ask for no credentials."""

    async def authenticate(self, authorization: str | None) -> Identity:
        raise AssertionError


@operation("POST", "/echo", answers={200: Echo}, body=Echo, public=True, tag="Test", summary="Says it again")
async def echo(call: Call[Nothing, Echo]) -> Reply:
    return Reply(call.body)


@web.middleware
async def outermost(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Fails where nothing of ours catches it."""
    if request.path == "/broken":
        raise ZeroDivisionError("a detail that clients must not see")
    return await handler(request)


@pytest.fixture
async def port(tasks: Tasks) -> AsyncIterator[int]:
    app = web.Application(middlewares=[outermost, envelope(RequestMetrics(CollectorRegistry()))])
    app.add_routes(bind([echo], NoAuthenticator(), Origin(), BodyLimits(), SystemClock()))

    async with serving(app, lambda *_: None, "127.0.0.1", 0, spawn=tasks.spawn) as bound:
        yield bound


@dataclass
class Raw:
    """An answer off the wire."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def detail(self) -> str:
        said = json.loads(self.body)
        assert list(said) == ["detail"]
        return str(said["detail"])


async def exchange(port: int, *pieces: bytes) -> Raw:
    """Send the pieces one by one; the answer, once the server has closed the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    async with asyncio.timeout(PATIENCE):
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        got = await reader.read()
    writer.close()
    head, _, body = got.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    return Raw(int(first.split()[1]), dict(line.lower().split(": ", 1) for line in lines), body)


@pytest.mark.parametrize(
    ("request_", "status", "detail"),
    [
        pytest.param(
            b"GET / HTTP/9.9\r\nHost: x\r\n\r\n", 505, "HTTP/1.1 is required", id="a version that is not supported"
        ),
        pytest.param(b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505, "HTTP/1.1 is required", id="another version"),
        pytest.param(SECRET + b" x\r\n\r\n", 400, "Invalid method", id="garbage"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "HTTPS traffic", id="TLS"),
        pytest.param(b"GET http://[::1 HTTP/1.1\r\nHost: x\r\n\r\n", 400, "not a valid", id="no URL"),
        pytest.param(b"GET /" + SECRET + b"\xff HTTP/1.1\r\nHost: x\r\n\r\n", 400, "url", id="bytes in the path"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", 400, "Host", id="no Host"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, "Host", id="no host's name"),
        pytest.param(b"GET / HTTP/1.1\nHost: x\n\n", 400, "CRLF", id="lines that end with LF"),
        pytest.param(b"POST / HTTP/1.1\r\nHost: x\n\n", 400, "CRLF", id="one line that ends with LF"),
        pytest.param(
            b"GET " + b"/a" * 600 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414, "too long", id="a path of many parts"
        ),
        pytest.param(b"GET /" + b"a" * 40_000, 431, "too long", id="a head without an end"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\n" + SECRET + b"\r\n\r\n", 400, "header", id="no colon"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\nX: " + SECRET + b"\0\r\n\r\n", 400, "header", id="NUL"),
        pytest.param(b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 431, "too long", id="a long path"),
        pytest.param(
            b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: " + SECRET * 1000 + b"\r\n\r\n", 431, "long", id="long header"
        ),
        pytest.param(
            b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 1000 + b"\r\n", 431, "too many", id="a thousand headers"
        ),
        pytest.param(POST + b"Content-Length: -1\r\n\r\n", 400, "Content-Length", id="a length below zero"),
        pytest.param(POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}", 400, "Length", id="two lengths"),
        pytest.param(
            POST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
            "Content-Length",
            id="a length and chunks",
        ),
        pytest.param(POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n", 501, "chunked", id="a transfer coding"),
        pytest.param(POST + b"Transfer-Encoding: gzip\r\n\r\n", 400, "Transfer-Encoding", id="unknown coding"),
        pytest.param(POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}", 400, "chunk size", id="a bad chunk size"),
        pytest.param(POST + b"Expect: 42\r\nContent-Length: 2\r\n\r\n{}", 417, "100-continue", id="odd expectation"),
        pytest.param(
            b"GET /nowhere HTTP/1.1\r\nHost: x\r\nExpect: 42\r\n\r\n", 417, "100-continue", id="nowhere, with one"
        ),
    ],
)
async def test_it_is_refused_in_the_contracts_shape(port: int, request_: bytes, status: int, detail: str) -> None:
    answer = await exchange(port, request_)
    assert (answer.status, answer.headers["content-type"]) == (status, "application/json; charset=utf-8")
    assert detail.lower() in answer.detail.lower()
    assert answer.headers["access-control-allow-origin"] == "*"
    assert SECRET.decode() not in answer.detail


@pytest.mark.parametrize(
    ("framing", "rest"),
    [
        (b"Transfer-Encoding: chunked", b"zz\r\n{}\r\n0\r\n\r\n"),
        (b"Transfer-Encoding: chunked", b"2\r\n{}garbage\r\n0\r\n\r\n"),
    ],
)
async def test_a_body_that_turns_out_bad_while_it_is_read_is_a_400(port: int, framing: bytes, rest: bytes) -> None:
    answer = await exchange(port, POST + framing + b"\r\nConnection: close\r\n\r\n", rest)
    assert answer.status == 400
    assert answer.detail


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "Gzip", "identity, gzip", "foo", "gzip, identity"])
@pytest.mark.parametrize(
    "line", ["POST /echo", "POST /nowhere", "PUT /echo", "GET /echo", "OPTIONS /nowhere", "HEAD /"]
)
async def test_a_coded_body_is_refused_before_it_is_decoded(
    port: int, line: str, coding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zlib, "decompressobj", None)  # inflating anything fails
    bomb = gzip.compress(bytes(1_000_000))
    head = f"{line} HTTP/1.1\r\nHost: x\r\nContent-Encoding: {coding}\r\nContent-Length: {len(bomb)}\r\nConnection: close\r\n\r\n"
    answer = await exchange(port, head.encode() + bomb)
    assert (answer.status, answer.headers["accept-encoding"]) == (415, "identity")
    assert line.startswith("HEAD") or "Content-Encoding" in answer.detail


async def test_one_coded_header_among_plain_ones_is_enough(port: int) -> None:
    codings = b"Content-Encoding: identity\r\nContent-Encoding: gzip\r\nConnection: close\r\nContent-Length: 2\r\n\r\n"
    assert (await exchange(port, POST + codings + b"{}")).status == 415


async def test_identity_is_no_coding(port: int) -> None:
    body = b'{"text":"a"}'
    head = POST + b"Content-Encoding: Identity\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
    assert (await exchange(port, head + body)).status == 200


async def test_a_connection_without_a_first_request_ends(tasks: Tasks) -> None:
    """Empty lines before a request are skipped (RFC 9112 §2.2), so aiohttp gets a connection without a request."""
    limits = HeldLimits(first_request=0.05)
    async with serving(
        web.Application(), lambda *_: None, "127.0.0.1", 0, spawn=tasks.spawn, held_limits=limits
    ) as bound:
        reader, writer = await asyncio.open_connection("127.0.0.1", bound)
        writer.write(b"\r\n\r\nGET / HTTP/1.1\r\nHost:")
        async with asyncio.timeout(PATIENCE):
            assert await reader.read() == b""
        writer.close()


async def test_a_busy_server_closes_the_connection_that_was_idle_longest(tasks: Tasks) -> None:
    app, going_on = web.Application(), asyncio.Event()

    async def slow(_request: web.Request) -> web.Response:
        await going_on.wait()
        return web.Response(text="done")

    app.router.add_get("/slow", slow)
    limits = HeldLimits(max_connections=2)
    async with serving(app, lambda *_: None, "127.0.0.1", 0, spawn=tasks.spawn, held_limits=limits) as bound:
        busy, idle, new = [await asyncio.open_connection("127.0.0.1", bound) for _ in range(3)]
        busy[1].write(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        await busy[1].drain()
        for reader, writer in (idle, new):
            writer.write(b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n")
            async with asyncio.timeout(PATIENCE):
                assert b"404" in await reader.readuntil(b"\r\n\r\n")
        async with asyncio.timeout(PATIENCE):
            await idle[0].read()  # the rest of its answer, then the end
            going_on.set()
            assert b"200" in await busy[0].readuntil(b"\r\n\r\n")
        for _, writer in (busy, idle, new):
            writer.close()


async def test_both_ways_of_answering_add_the_headers_of_the_installation(tasks: Tasks) -> None:
    app = web.Application(middlewares=[envelope(RequestMetrics(CollectorRegistry()))])

    def fast(_method: str, target: str, _headers: Mapping[str, str], _peer: str) -> WireReply | None:
        return WireReply("fast", 200, (), b"body") if target == "/fast" else None

    headers = transport_security(3600)
    async with serving(app, fast, "127.0.0.1", 0, spawn=tasks.spawn, headers=headers) as bound:
        reader, writer = await asyncio.open_connection("127.0.0.1", bound)
        async with asyncio.timeout(PATIENCE):
            for path, status in (("/fast", b"200"), ("/slow", b"404")):
                writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                head = await reader.readuntil(b"\r\n\r\n")
                assert head.split()[1] == status
                for line in (b"Strict-Transport-Security: max-age=3600", b"X-Content-Type-Options: nosniff"):
                    assert head.count(b"\r\n" + line + b"\r\n") == 1
                await reader.readexactly(int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0]))
        writer.close()


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET /slow HTTP/1.1\r\n\r\n", b"400"),
        (b"GET /slow HTTP/1.1\r\nHost: a b\r\n\r\n", b"400"),
        (b"GET /slow HTTP/1.1\nHost: x\n\n", b"400"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"400"),
        (b"GET /" + b"a/" * 900 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"414"),
        (b"GET /slow HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 40_000, b"431"),
        (b"GET /slow HTTP/1.1\r\nHost: x\r\n" + b"X: 1\r\n" * 70 + b"\r\n", b"431"),
        (b"GET / HTTP/9.9\r\n\r\n", b"505"),
        (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n", b"501"),
        (POST + b"Content-Encoding: gzip\r\nContent-Length: 0\r\n\r\n", b"415"),
    ],
)
async def test_refused_requests_get_the_headers_of_the_installation(
    tasks: Tasks, request_bytes: bytes, status: bytes
) -> None:
    app = web.Application(middlewares=[envelope(RequestMetrics(CollectorRegistry()))])
    headers = transport_security(3600)
    async with serving(app, lambda *_: None, "127.0.0.1", 0, spawn=tasks.spawn, headers=headers) as bound:
        reader, writer = await asyncio.open_connection("127.0.0.1", bound)
        writer.write(request_bytes)
        async with asyncio.timeout(PATIENCE):
            head = await reader.readuntil(b"\r\n\r\n")
        writer.close()
    assert head.split()[1] == status
    for line in (b"Strict-Transport-Security: max-age=3600", b"X-Content-Type-Options: nosniff", b"Server: conference"):
        assert head.count(b"\r\n" + line + b"\r\n") == 1


async def test_what_fails_outside_the_application_is_a_500_without_details(port: int) -> None:
    answer = await exchange(port, b"GET /broken HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (answer.status, answer.detail) == (500, "Internal server error.")


async def test_a_request_before_it_on_the_same_connection_is_answered(port: int) -> None:
    good = POST + b'Content-Length: 12\r\n\r\n{"text":"a"}'
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    async with asyncio.timeout(PATIENCE):
        writer.write(good)
        first = await reader.readuntil(b'{"text":"a"}')
        writer.write(b"GET / HTTP/9.9\r\n\r\n")
        second = await reader.read()
    writer.close()
    assert (first.split()[1], second.split()[1]) == (b"200", b"505")
