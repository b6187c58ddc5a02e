"""One connection for polls and everything else: aiohttp borrows it for a request, and the fast path has it back after that."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from aiohttp import web

from service.concurrency.tasks import Tasks
from service.http.aiohttp_connection import MAX_KEPT
from service.http.held_connections import HeldLimits
from service.http.server import serving
from service.http.wire import WireReply
from tests.waiting import PATIENCE

POLL = b"GET /poll HTTP/1.1\r\nHost: x\r\n\r\n"
OTHER = b"GET /other HTTP/1.1\r\nHost: x\r\n\r\n"


def post(body: bytes, path: bytes = b"/other") -> bytes:
    return b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (path, len(body), body)


def answer(method: str, target: str, headers: Mapping[str, str], peer: str) -> WireReply | None:
    return WireReply("poll", 200, (), b"poll") if target == "/poll" else None


@dataclass
class Server:
    port: int
    fast: list[WireReply]
    go_on: asyncio.Event
    ended: asyncio.Event

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 24)
        try:
            async with asyncio.timeout(PATIENCE):
                yield reader, writer
        finally:
            writer.close()


@asynccontextmanager
async def server(limits: HeldLimits | None = None) -> AsyncIterator[Server]:
    tasks, fast = Tasks(), list[WireReply]()
    go_on, ended = asyncio.Event(), asyncio.Event()

    async def other(request: web.Request) -> web.Response:
        return web.Response(body=b"other " + await request.read())

    async def slow(request: web.Request) -> web.Response:
        try:
            await go_on.wait()
        finally:
            ended.set()
        return web.Response(body=b"slow")

    async def large(request: web.Request) -> web.Response:
        return web.Response(body=b"L" * 8_000_000)

    async def piecemeal(request: web.Request) -> web.Response:
        size = 0
        while piece := await request.content.readany():
            size += len(piece)
            await asyncio.sleep(0.001)
        return web.Response(body=b"%d" % size)

    async def unread(request: web.Request) -> web.Response:
        return web.Response(body=b"unread")

    async def poll(request: web.Request) -> web.Response:
        return web.Response(body=b"poll")

    async def last(request: web.Request) -> web.Response:
        response = web.Response(body=b"last")
        response.force_close()
        return response

    app = web.Application(client_max_size=1 << 24, handler_args={"handler_cancellation": True})
    app.add_routes(
        [web.route("*", "/other", other), web.get("/slow", slow), web.get("/large", large), web.get("/poll", poll)]
    )
    app.add_routes([web.get("/last", last), web.post("/piecemeal", piecemeal), web.post("/unread", unread)])
    async with serving(
        app,
        answer,
        "127.0.0.1",
        0,
        spawn=tasks.spawn,
        on_reply=fast.append,
        held_limits=limits or HeldLimits(),
    ) as port:
        yield Server(port, fast, go_on, ended)
    await tasks.aclose()


async def body(reader: asyncio.StreamReader) -> bytes:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    return await reader.readexactly(int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0]))


async def test_polls_are_answered_at_once_after_other_requests() -> None:
    async with server() as served, served.connection() as (reader, writer):
        for number in range(1, 4):
            writer.write(OTHER)
            assert await body(reader) == b"other "
            writer.write(POLL)
            assert await body(reader) == b"poll"
            assert len(served.fast) == number


async def test_a_pipelined_mixture_is_answered_in_its_order() -> None:
    large = b"x" * 30_000
    requests = [POLL, OTHER, POLL, post(b"one"), post(b""), POLL, POLL, post(large), POLL, OTHER, OTHER, POLL]
    answers = [b"poll", b"other ", b"poll", b"other one", b"other ", b"poll", b"poll", b"other " + large]
    answers += [b"poll", b"other ", b"other ", b"poll"]
    async with server() as served, served.connection() as (reader, writer):
        writer.write(b"".join(requests))
        assert [await body(reader) for _ in requests] == answers


@pytest.mark.parametrize("size", [1, 7, 40, 1_000])
async def test_a_mixture_in_pieces_is_answered_in_its_order(size: int) -> None:
    requests = [OTHER, post(b"y" * 500), POLL, OTHER, POLL]
    sent = b"".join(requests)
    async with server() as served, served.connection() as (reader, writer):
        for start in range(0, len(sent), size):
            writer.write(sent[start : start + size])
            await writer.drain()
            await asyncio.sleep(0)
        assert [len(await body(reader)) for _ in requests] == [6, 506, 4, 6, 4]
        assert len(served.fast) == 2


async def test_a_response_that_the_client_reads_slowly_does_not_lose_the_connection() -> None:
    async with server() as served, served.connection() as (reader, writer):
        writer.write(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n" + POLL + OTHER)
        await asyncio.sleep(0.2)
        assert len(await body(reader)) == 8_000_000
        assert [await body(reader), await body(reader)] == [b"poll", b"other "]
        writer.write(POLL)
        assert await body(reader) == b"poll"
        assert len(served.fast) == 2


async def test_what_arrives_during_a_request_is_not_kept_without_bound() -> None:
    async with server() as served, served.connection() as (reader, writer):
        count = MAX_KEPT // len(POLL) * 2
        writer.write(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n" + POLL * count)
        await asyncio.sleep(0.2)
        assert served.fast == []
        served.go_on.set()
        assert await body(reader) == b"slow"
        assert [await body(reader) for _ in range(count)] == [b"poll"] * count
        assert served.fast == []


async def test_a_client_that_leaves_during_a_request_ends_it() -> None:
    async with server() as served:
        async with served.connection() as (reader, writer):
            writer.write(OTHER + POLL)
            assert [await body(reader), await body(reader)] == [b"other ", b"poll"]
            writer.write(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
            await asyncio.sleep(0.1)
        async with asyncio.timeout(PATIENCE):
            await served.ended.wait()


@pytest.mark.parametrize("how", ["Connection: close", "Transfer-Encoding: chunked", "Expect: 100-continue"])
async def test_a_request_whose_end_is_in_doubt_keeps_the_connection_with_aiohttp(how: str) -> None:
    async with server() as served, served.connection() as (reader, writer):
        writer.write(f"POST /other HTTP/1.1\r\nHost: x\r\n{how}\r\n\r\n".encode())
        if "chunked" in how:
            writer.write(b"3\r\nabc\r\n0\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 ")
        writer.write(POLL)
        await asyncio.sleep(0.1)
        assert served.fast == []


@pytest.mark.parametrize("size", [60_000, 200_000, 3_000_000])
async def test_a_body_arrives_whole_when_it_is_read_slower_than_it_arrives(size: int) -> None:
    async with server() as served, served.connection() as (reader, writer):
        writer.write(post(b"x" * size, b"/piecemeal") + OTHER)
        assert [await body(reader), await body(reader)] == [b"%d" % size, b"other "]
        writer.write(POLL)
        assert await body(reader) == b"poll"


@pytest.mark.parametrize("size", [1_000, 60_000, 200_000, 3_000_000])
async def test_a_body_that_is_not_read_does_not_disturb_the_next_request(size: int) -> None:
    async with server() as served, served.connection() as (reader, writer):
        for _ in range(2):
            writer.write(post(b"GET / HTTP/1.1\r\n\r\n" * (size // 18), b"/unread") + OTHER)
            assert [await body(reader), await body(reader)] == [b"unread", b"other "]


async def test_a_response_that_ends_the_connection_ends_it() -> None:
    async with server() as served, served.connection() as (reader, writer):
        writer.write(b"GET /last HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await body(reader) == b"last"
        assert await reader.read() == b""


async def test_a_lent_connection_counts_once() -> None:
    async with server(HeldLimits(max_connections=1)) as served:
        async with served.connection() as (reader, writer), served.connection() as (other_reader, other_writer):
            for each, to in ((reader, writer), (other_reader, other_writer)) * 3:
                to.write(OTHER)
                assert await body(each) == b"other "
                to.write(POLL)
                assert await body(each) == b"poll"
