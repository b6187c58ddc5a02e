"""The fast path: plain polls are answered at once and in order, everything else reaches aiohttp unharmed."""

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

from service.concurrency.tasks import Tasks
from service.domain.errors import Throttled
from service.http.express.fast_path import FastPath
from service.http.express.limits import FastPathLimits
from service.http.wire import LaterReply, WireReply
from tests.waiting import until

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


class Answers:
    """Knows /fast/… at once and /cold/… when `warm` is set; fails at what ends in refused."""

    def __init__(self) -> None:
        self.warm = asyncio.Event()
        self.waiting = asyncio.Semaphore(0)
        self.left = asyncio.Event()

    def __call__(
        self, method: str, target: str, headers: Mapping[str, str], peer: str
    ) -> WireReply | LaterReply | None:
        if target.startswith("/cold/"):
            return lambda: self._later(target.removeprefix("/cold/"))
        if target == "/fast/refused":
            raise Throttled(1)
        if not target.startswith("/fast/"):
            return None
        return WireReply("fast", 200, (), f"fast {target.removeprefix('/fast/')}".encode())

    async def _later(self, name: str) -> WireReply:
        self.waiting.release()
        try:
            await self.warm.wait()
        except asyncio.CancelledError:
            self.left.set()
            raise
        if name == "refused":
            raise ZeroDivisionError
        return WireReply("cold", 200, (), f"cold {name}".encode())


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
        """Return the next answer's body."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
        return (await self.reader.readexactly(length)).decode()


@dataclass
class Served:
    fast_path: FastPath
    port: int
    answers: Answers
    replies: list[WireReply] = field(default_factory=list)

    clients: list[Client] = field(default_factory=list)

    async def connect(self) -> Client:
        self.clients.append(Client(*await asyncio.open_connection("127.0.0.1", self.port)))
        return self.clients[-1]


@asynccontextmanager
async def served(limits: FastPathLimits | None = None) -> AsyncIterator[Served]:
    tasks = Tasks()
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", slow)
    runner = web.AppRunner(app)
    await runner.setup()
    assert runner.server is not None
    replies: list[WireReply] = []
    answers = Answers()
    fast_path = FastPath(runner.server, answers, spawn=tasks.spawn, limits=limits, on_reply=replies.append)
    port = await fast_path.listen("127.0.0.1", 0)
    site = Served(fast_path, port, answers, replies)
    try:
        async with asyncio.timeout(20):
            yield site
    finally:
        for client in site.clients:
            client.writer.transport.abort()
        await asyncio.gather(*(client.writer.wait_closed() for client in site.clients), return_exceptions=True)
        await fast_path.aclose()
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


async def test_a_deferred_reply_keeps_the_connection_on_the_fast_path() -> None:
    async with served() as site:
        client = await site.connect()
        client.send("/cold/1")
        await site.answers.waiting.acquire()
        site.answers.warm.set()
        assert await client.response() == "cold 1"
        client.send("/fast/2")
        assert await client.response() == "fast 2"
        assert (site.fast_path.connections, len(site.replies)) == (1, 2)


async def test_requests_behind_one_that_waits_are_answered_after_it() -> None:
    async with served() as site:
        client = await site.connect()
        client.send("/fast/1", "/cold/2", "/fast/3", "/cold/4", "/slow")
        assert await client.response() == "fast 1"
        await site.answers.waiting.acquire()
        client.send("/fast/5")
        site.answers.warm.set()
        answers = [await client.response() for _ in range(5)]
        assert answers == ["cold 2", "fast 3", "cold 4", "aiohttp GET /slow", "aiohttp GET /fast/5"]


async def test_what_fails_after_a_wait_is_aiohttps_with_all_that_came_behind_it() -> None:
    async with served() as site:
        client = await site.connect()
        client.send("/cold/refused", "/fast/1")
        site.answers.warm.set()
        answers = [await client.response() for _ in range(2)]
        assert answers == ["aiohttp GET /cold/refused", "aiohttp GET /fast/1"]


async def test_a_client_that_waits_for_a_response_is_not_late() -> None:
    async with served(FastPathLimits(head_timeout=0.5, idle_timeout=0.5, sweep_every=0.01)) as site:
        client = await site.connect()
        client.send("/cold/1")
        await site.answers.waiting.acquire()
        began = site.fast_path.now
        while site.fast_path.now < began + 1:  # noqa: ASYNC110 - a sweep sends no event
            await asyncio.sleep(0.01)
        site.answers.warm.set()
        assert await client.response() == "cold 1"


async def test_what_is_sent_during_a_wait_is_not_kept_without_bound() -> None:
    async with served() as site:
        client = await site.connect()
        client.send("/cold/1")
        await site.answers.waiting.acquire()
        client.writer.write(bytes(32 << 20))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await client.writer.drain()
        # The rest stays with the client: its own buffer and the kernel's.
        assert client.writer.transport.get_write_buffer_size() > 16 << 20


async def test_closing_cuts_off_an_answer_that_does_not_come() -> None:
    async with served(FastPathLimits(close_timeout=0.05)) as site:
        client = await site.connect()
        client.send("/cold/1")
        await site.answers.waiting.acquire()
        await site.fast_path.aclose()
        await site.answers.left.wait()


async def test_closing_lets_an_answer_be_waited_for_first() -> None:
    async with served() as site:
        client = await site.connect()
        client.send("/cold/1", "/fast/2")
        await site.answers.waiting.acquire()  # and what came behind it is not answered any more
        async with asyncio.TaskGroup() as group:
            group.create_task(site.fast_path.aclose())
            asyncio.get_running_loop().call_soon(site.answers.warm.set)
        assert await client.response() == "cold 1"
        assert await client.reader.read() == b""


@given(st.lists(st.integers(1, 200), max_size=30))
def test_any_cutting_of_the_bytes_gives_the_same_answers(cuts: list[int]) -> None:
    async def run() -> None:
        sent = b"".join(
            f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode() for path in ("/fast/1", "/cold/2", "/slow", "/fast/3")
        )
        async with served() as site:
            site.answers.warm.set()
            client = await site.connect()
            at = 0
            for cut in [*cuts, len(sent)]:
                client.writer.write(sent[at : at + cut])
                await client.writer.drain()
                at += cut
            answers = [await client.response() for _ in range(4)]
            assert answers == ["fast 1", "cold 2", "aiohttp GET /slow", "aiohttp GET /fast/3"]

    asyncio.run(run())


@pytest.mark.parametrize("loop_factory", LOOPS.values(), ids=LOOPS.keys())
def test_works_on_either_event_loop(loop_factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def run() -> list[str]:
        async with served() as site:
            client = await site.connect()
            client.send("/fast/1")
            answers = [await client.response()]
            client.send("/cold/2")
            await site.answers.waiting.acquire()
            site.answers.warm.set()
            answers.append(await client.response())
            for _ in range(2):
                client.send("/slow")
                answers.append(await client.response())
            return answers

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        assert runner.run(run()) == ["fast 1", "cold 2", "aiohttp GET /slow", "aiohttp GET /slow"]


async def test_a_request_that_trickles_in_is_cut_off() -> None:
    async with served(FastPathLimits(head_timeout=0.05, sweep_every=0.01)) as site:
        client = await site.connect()
        client.writer.write(b"GET /fast/1 HT")
        assert await client.reader.read() == b""


async def test_a_connection_that_sends_nothing_is_cut_off() -> None:
    async with served(FastPathLimits(head_timeout=0.05, sweep_every=0.01)) as site:
        client = await site.connect()
        assert await client.reader.read() == b""


async def test_an_idle_connection_is_closed_after_its_own_longer_time() -> None:
    async with served(FastPathLimits(head_timeout=3600, idle_timeout=0.05, sweep_every=0.01)) as site:
        client = await site.connect()
        client.send("/fast/1")
        assert await client.response() == "fast 1"
        assert await client.reader.read() == b""


async def test_a_client_that_does_not_read_the_responses_is_disconnected() -> None:
    async with served(FastPathLimits(head_timeout=0.2, sweep_every=0.01)) as site:
        client = await site.connect()
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        with pytest.raises(ConnectionError):
            while True:
                client.send(*("/fast/" + "x" * 500 for _ in range(200)))
                await client.writer.drain()
        while site.fast_path.connections:  # noqa: ASYNC110 - the end of a connection is not announced to others
            await asyncio.sleep(0.01)


async def test_an_endless_head_is_not_kept() -> None:
    async with served(FastPathLimits(max_head=1_000)) as site:
        client = await site.connect()
        client.writer.write(b"GET /fast/1 HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 20_000)
        assert b"400" in await client.reader.read(65_536)


async def test_a_head_that_arrives_byte_by_byte_is_answered() -> None:
    async with served() as site:
        client = await site.connect()
        for byte in b"GET /fast/1 HTTP/1.1\r\nHost: x\r\n\r\nGET /fast/2 HTTP/1.1\r\nHost: x\r\n\r\n":
            client.writer.write(bytes([byte]))
            await client.writer.drain()
            await asyncio.sleep(0)
        assert [await client.response() for _ in range(2)] == ["fast 1", "fast 2"]


@pytest.mark.parametrize(
    "head",
    [
        b"GET /fast/1 HTTP/1.1\nHost: x\n\n",
        b"POST /slow HTTP/1.1\nHost: x\n",
        b"GET /fast/1 HTTP/1.1\r\nHost: x\n\n",
        b"GET /fast/1\n",
        b"OPTIONS /fast/1 HTTP/1.1\rHost: x\r\r",
    ],
)
async def test_a_line_that_ends_with_half_a_crlf_is_refused_at_once(head: bytes) -> None:
    async with served(FastPathLimits(head_timeout=3600.0)) as site:
        client = await site.connect()
        for piece in (head[:10], head[10:]):
            client.writer.write(piece)
            await client.writer.drain()
        assert (await client.reader.read()).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("lines", ["", "Accept: */*\r\n", "Host: a b\r\n", "Host: a/b\r\n", "Host: x\r\nHost: x\r\n"])
async def test_a_request_without_one_valid_host_is_not_answered_on_the_fast_path(lines: str) -> None:
    async with served() as site:
        client = await site.connect()
        client.writer.write(f"GET /fast/1 HTTP/1.1\r\n{lines}\r\n".encode())
        await client.reader.read(65_536)
        assert site.replies == []


async def test_over_the_limit_the_connection_that_was_idle_longest_makes_room() -> None:
    async with served(FastPathLimits(max_connections=3)) as site:
        clients = [await site.connect() for _ in range(3)]
        for client in (*clients, clients[0]):
            client.send("/fast/1")
            assert await client.response() == "fast 1"
        fourth = await site.connect()
        fourth.send("/fast/2")
        assert await fourth.response() == "fast 2"
        assert await ends(clients[1])
        for client in (clients[0], clients[2]):
            client.send("/fast/3")
            assert await client.response() == "fast 3"


async def test_silent_connections_keep_out_no_client_that_asks() -> None:
    async with served(FastPathLimits(max_unserved=5, head_timeout=3600.0)) as site:
        early = await site.connect()
        early.send("/fast/1")
        assert await early.response() == "fast 1"
        silent = [await site.connect() for _ in range(20)]
        silent[0].writer.write(b"GET /fast/")
        late = await site.connect()
        late.send("/fast/2")
        assert await late.response() == "fast 2"
        assert await ends(silent[0])
        early.send("/fast/3")
        assert await early.response() == "fast 3"
        await until(lambda: site.fast_path.connections <= 7)


async def ends(client: Client) -> bool:
    """Whether the server cuts the connection off, after whatever it sent."""
    try:
        return await client.reader.read() == b""
    except ConnectionError:
        return True


async def test_closing_ends_the_lanes_connections_and_leaves_the_others_to_aiohttp() -> None:
    async with served() as site:
        quick, taken_over = await site.connect(), await site.connect()
        quick.send("/fast/1")
        taken_over.send("/slow")
        await quick.response()
        await taken_over.response()
        await site.fast_path.aclose()
        await site.fast_path.aclose()
        assert await quick.reader.read() == b""
        taken_over.send("/slow")
        assert await taken_over.response() == "aiohttp GET /slow"
