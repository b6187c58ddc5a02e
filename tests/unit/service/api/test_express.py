"""The express lane: plain polls are answered at once and in order, everything else reaches aiohttp unharmed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
import uvloop
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from service.api.express import ExpressLane, ExpressLimits, parse_headers, parse_request_line
from service.api.wire import WireReply
from service.domain.errors import Throttled
from service.tasks import Tasks

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


def answer(method: str, target: str, headers: Mapping[str, str], peer: str) -> WireReply | None:
    """Knows /fast/…, and refuses /fast/refused."""
    if target == "/fast/refused":
        raise Throttled(1)
    if not target.startswith("/fast/"):
        return None
    return WireReply("fast", 200, (), f"fast {target.removeprefix('/fast/')}".encode())


async def slow(request: web.Request) -> web.Response:
    return web.Response(text=f"aiohttp {request.method} {request.path_qs} {await request.text()}".strip())


@dataclass
class Client:
    """A raw connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def send(self, *paths: str, more: str = "") -> None:
        self.writer.write("".join(f"GET {path} HTTP/1.1\r\nHost: x\r\n{more}\r\n" for path in paths).encode())

    async def response(self) -> str:
        """The next answer's body."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
        return (await self.reader.readexactly(length)).decode()


@dataclass
class Served:
    lane: ExpressLane
    port: int
    replies: list[WireReply] = field(default_factory=list)

    clients: list[Client] = field(default_factory=list)

    async def connect(self) -> Client:
        self.clients.append(Client(*await asyncio.open_connection("127.0.0.1", self.port)))
        return self.clients[-1]


@asynccontextmanager
async def served(limits: ExpressLimits | None = None) -> AsyncIterator[Served]:
    tasks = Tasks()
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", slow)
    runner = web.AppRunner(app)
    await runner.setup()
    assert runner.server is not None
    replies: list[WireReply] = []
    lane = ExpressLane(runner.server, answer, spawn=tasks.spawn, limits=limits, on_reply=replies.append)
    port = await lane.listen("127.0.0.1", 0)
    site = Served(lane, port, replies)
    try:
        async with asyncio.timeout(20):
            yield site
    finally:
        for client in site.clients:
            client.writer.transport.abort()
        await asyncio.gather(*(client.writer.wait_closed() for client in site.clients), return_exceptions=True)
        await lane.aclose()
        await runner.cleanup()
        await tasks.aclose()


async def test_answers_requests_in_the_order_they_came() -> None:
    async with served() as site:
        client = await site.connect()
        client.send(*(f"/fast/{number}" for number in range(50)))
        assert [await client.response() for _ in range(50)] == [f"fast {number}" for number in range(50)]
        assert len(site.replies) == 50


async def test_keeps_the_order_when_a_connection_changes_over_in_the_middle() -> None:
    async with served() as site:
        client = await site.connect()
        client.send("/fast/1", "/slow?x=1", "/fast/2")
        answers = [await client.response() for _ in range(3)]
        assert answers == ["fast 1", "aiohttp GET /slow?x=1", "aiohttp GET /fast/2"]


async def test_a_body_reaches_aiohttp_whole() -> None:
    async with served() as site:
        client = await site.connect()
        client.writer.write(b"POST /fast/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhel")
        client.writer.write(b"lo")
        assert await client.response() == "aiohttp POST /fast/1 hello"


@pytest.mark.parametrize(
    "header", ["Content-Length: 0", "Connection: close", "Expect: 100-continue", "Upgrade: websocket", "Host: y"]
)
async def test_whatever_is_not_plain_is_aiohttps(header: str) -> None:
    async with served() as site:
        client = await site.connect()
        client.send("/fast/1", more=f"{header}\r\n")
        answered = await client.reader.read(65_536)
        assert answered
        assert b"fast 1" not in answered.replace(b"GET /fast/1", b"")
        assert site.replies == []


async def test_an_error_is_aiohttps_too() -> None:
    async with served() as site:
        client = await site.connect()
        client.send("/fast/refused")
        assert await client.response() == "aiohttp GET /fast/refused"


@given(st.lists(st.integers(1, 200), max_size=30))
def test_any_cutting_of_the_bytes_gives_the_same_answers(cuts: list[int]) -> None:
    async def run() -> None:
        sent = b"".join(
            f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode() for path in ("/fast/1", "/fast/2", "/slow", "/fast/3")
        )
        async with served() as site:
            client = await site.connect()
            at = 0
            for cut in [*cuts, len(sent)]:
                client.writer.write(sent[at : at + cut])
                await client.writer.drain()
                at += cut
            answers = [await client.response() for _ in range(4)]
            assert answers == ["fast 1", "fast 2", "aiohttp GET /slow", "aiohttp GET /fast/3"]

    asyncio.run(run())


@pytest.mark.parametrize("loop_factory", LOOPS.values(), ids=LOOPS.keys())
def test_works_on_either_event_loop(loop_factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def run() -> list[str]:
        async with served() as site:
            client = await site.connect()
            client.send("/fast/1")
            first = await client.response()
            client.send("/slow")
            second = await client.response()
            client.send("/slow")
            return [first, second, await client.response()]

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        assert runner.run(run()) == ["fast 1", "aiohttp GET /slow", "aiohttp GET /slow"]


async def test_a_request_that_trickles_in_is_cut_off() -> None:
    async with served(ExpressLimits(head_timeout=0.05, sweep_every=0.01)) as site:
        client = await site.connect()
        client.writer.write(b"GET /fast/1 HT")
        assert await client.reader.read() == b""


async def test_a_connection_that_sends_nothing_is_cut_off() -> None:
    async with served(ExpressLimits(head_timeout=0.05, sweep_every=0.01)) as site:
        client = await site.connect()
        assert await client.reader.read() == b""


async def test_an_idle_connection_is_closed_after_its_own_longer_time() -> None:
    async with served(ExpressLimits(head_timeout=3600, idle_timeout=0.05, sweep_every=0.01)) as site:
        client = await site.connect()
        client.send("/fast/1")
        assert await client.response() == "fast 1"
        assert await client.reader.read() == b""


async def test_who_does_not_read_the_answers_is_cut_off() -> None:
    async with served(ExpressLimits(head_timeout=0.2, sweep_every=0.01)) as site:
        client = await site.connect()
        client.reader._transport.pause_reading()  # type: ignore[attr-defined]
        with pytest.raises(ConnectionError):
            while True:
                client.send(*("/fast/" + "x" * 500 for _ in range(200)))
                await client.writer.drain()
        while site.lane.connections:  # noqa: ASYNC110 - the end of a connection is not announced to others
            await asyncio.sleep(0.01)


async def test_an_endless_head_is_not_kept() -> None:
    async with served(ExpressLimits(max_head=1_000)) as site:
        client = await site.connect()
        client.writer.write(b"GET /fast/1 HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 20_000)
        assert b"400" in await client.reader.read(65_536)


async def test_connections_beyond_the_limit_are_closed() -> None:
    async with served(ExpressLimits(max_connections=1)) as site:
        first = await site.connect()
        first.send("/fast/1")
        await first.response()
        second = await site.connect()
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await second.reader.readexactly(1)


async def test_closing_ends_the_lanes_connections_and_leaves_the_others_to_aiohttp() -> None:
    async with served() as site:
        quick, taken_over = await site.connect(), await site.connect()
        quick.send("/fast/1")
        taken_over.send("/slow")
        await quick.response()
        await taken_over.response()
        await site.lane.aclose()
        await site.lane.aclose()
        assert await quick.reader.read() == b""
        taken_over.send("/slow")
        assert await taken_over.response() == "aiohttp GET /slow"


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
