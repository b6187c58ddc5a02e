"""The fast path answers what aiohttp answers, to any sequence of requests however it is cut, and in the same order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from service.api.public_stream import routes
from service.concurrency.tasks import Tasks
from service.domain.audience.new_visitors import NewVisitorLimits
from service.domain.status.board import BoardLimits
from service.http.middleware import RequestMetrics, envelope
from service.http.server import serving
from service.http.wire import WireReply
from tests.stage import PublicStage
from tests.waiting import PATIENCE

TOLD = (
    "access-control-allow-origin",
    "access-control-max-age",
    "allow",
    "cache-control",
    "content-length",
    "content-type",
    "etag",
    "retry-after",
    "vary",
)
"""Headers that tell a client something. Not the server's name, the date and the id of the request."""


@dataclass(frozen=True)
class Asked:
    """One request. `{live}`, `{cold}` and the like in the target stand for the stage's channels."""

    target: str
    method: str = "GET"
    headers: tuple[str, ...] = ()
    body: str = ""

    def wire(self, names: dict[str, str]) -> bytes:
        lines = [f"{self.method} {self.target.format(**names)} HTTP/1.1", "Host: x", *self.headers]
        if self.body:
            lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join([*lines, "", self.body]).encode("latin-1")


CHANNELS = (
    "{live}",
    "{cold}",
    "{silent}",
    "{unknown}",
    "{away}",
    "{upper}",
    "{escaped}",
    "{dashless}",
    "nonsense",
    "%FF",
)
polls = st.builds(
    Asked,
    st.builds(
        "/api/pub/public/v1/orgs/{{organization}}/channels/{}/conference/{}{}".format,
        st.sampled_from(CHANNELS),
        st.sampled_from(("stream_status", "stream_status/", "stream_viewer_count")),
        st.sampled_from(
            (
                "",
                "?visitor_id=ann",
                "?visitor_id=bob",
                "?visitor_id=cy&x=%20",
                "?visitor_id=",
                "?visitor_id=" + "x" * 129,
            )
        ),
    ),
    headers=st.sampled_from(
        (
            (),
            ("X-Visitor-Id: dan",),
            ("X-Visitor-Id:",),
            ("Authorization: Bearer forged",),
            ("If-None-Match: *",),
            ("Connection: keep-alive",),
        )
    ),
)
others = st.sampled_from(
    (
        Asked("/elsewhere?x=1"),
        Asked("/api/pub/public/v1/orgs/{organization}/channels/{live}/conference/stream_statuses"),
        Asked("/api/pub/public/v1/orgs/{organization}/channels/{live}/conference/stream_status", "POST"),
        Asked("/elsewhere", "PUT", body="GET / HTTP/1.1\r\n\r\n"),
        Asked("/api/pub/public/v1/orgs/{organization}/channels/{cold}/conference/stream_status", "HEAD"),
        Asked("/api/pub/public/v1/orgs/{organization}/channels/{live}/conference/stream_status", "OPTIONS"),
    )
)
HEADERS = (
    "X-Visitor-Id:eve",
    "X-Visitor-Id: \t eve \t",
    "x-VISITOR-id: eve",
    "X-Giosg-Visitor-Id: fay",
    "Authorization: Bearer",
    "Authorization: bearer  forged",
    "Accept: */*",
    "Accept: */*",
    "If-None-Match:",
    'If-None-Match: "a", W/"b"',
    "Cookie: a=b; c=d",
    "X-Empty:",
    "X-Odd: !#$%&'*+-.^_`|~ \"(),/:;<=>?@[\\]{}",
    "!#$%&'*+-.^_`|~: token",
    "Connection: Keep-Alive",
    "Content-Length: 0",
    "X-Latin: caf\u00e9",
    "TE: trailers",
    "Proxy-Connection: keep-alive",
    "Content-Encoding: gzip",
    "X-Forwarded-For: 192.0.2.1, 192.0.2.2",
)
"""Header lines that the fast path reads, and some that it leaves to aiohttp."""
BROKEN = (
    "GET {target}  HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET  {target} HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET {target} HTTP/1.1 \r\nHost: x\r\n\r\n",
    "\r\nGET {target} HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET {target} HTTP/1.0\r\nHost: x\r\n\r\n",
    "GET {target} HTTP/1.1\r\nHost : x\r\n\r\n",
    "GET {target} HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    "GET {target} HTTP/1.1\r\nAccept: */*\r\n\r\n",
    "GET {target} HTTP/1.1\r\nHost: a b\r\n\r\n",
    "GET {target} HTTP/1.1\r\nHost: x\r\nX-Visitor-Id: a\r\n b\r\n\r\n",
    "GET {target} HTTP/1.1\r\nHost: x\r\nX-A: \x00\r\n\r\n",
    "GET {target} HTTP/1.1\r\nHost: x\r\nX-A: \x7f\r\n\r\n",
    "GET {target} HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n",
    "GET {target} HTTP/1.1\r\nHost: x\r\n: no name\r\n\r\n",
    "GET {target}#top HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET http://x{target} HTTP/1.1\r\nHost: x\r\n\r\n",
    "get {target} HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "GET {target} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
)
"""Requests that are malformed or doubtful."""
conversations = st.lists(st.one_of(polls, polls, polls, others), min_size=1, max_size=12)


class Site:
    """The stage behind one server, with or without a fast path."""

    def __init__(self, stage: PublicStage, port: int, fast: list[WireReply]) -> None:
        self.fast = fast
        self._port = port
        live, cold = str(stage.channel), str(uuid4())
        self.names = {
            "organization": str(stage.organization),
            "live": live,
            "cold": cold,
            "silent": str(stage.silent),
            "unknown": str(uuid4()),
            "away": str(uuid4()),
            "upper": live.upper(),
            "escaped": f"%{ord(live[0]):x}{live[1:]}",
            "dashless": stage.channel.hex,
        }

    async def send_raw(self, request: str, target: str) -> tuple[int, dict[str, str], bytes]:
        """Send these bytes on a new connection, and read the first answer."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            async with asyncio.timeout(PATIENCE):
                writer.write(request.replace("{target}", target.format(**self.names)).encode("latin-1"))
                return await _response(reader, "GET")
        finally:
            writer.close()
            await writer.wait_closed()

    async def converse(self, asked: list[Asked], cuts: list[int]) -> list[tuple[int, dict[str, str], bytes]]:
        """Send all of it in pieces of these sizes, and read as many answers."""
        sent = b"".join(each.wire(self.names) for each in asked)
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            async with asyncio.timeout(PATIENCE):
                for cut in [*cuts, len(sent)]:
                    writer.write(sent[:cut])
                    sent = sent[cut:]
                    await writer.drain()
                return [await _response(reader, each.method) for each in asked]
        finally:
            writer.close()
            await writer.wait_closed()


async def _response(reader: asyncio.StreamReader, method: str) -> tuple[int, dict[str, str], bytes]:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().rstrip().split("\r\n")
    headers = dict((name.lower(), value) for name, _, value in (line.partition(": ") for line in lines))
    status, length = int(first.split()[1]), int(headers.get("content-length", 0))
    bodiless = method == "HEAD" or status in (204, 304)
    body = b"" if bodiless else await reader.readexactly(length)
    return status, {name: headers[name] for name in TOLD if name in headers}, body


@asynccontextmanager
async def site(*, express: bool) -> AsyncIterator[Site]:
    tasks = Tasks()
    still = BoardLimits(refresh_every=3600.0, recount_after=3600.0)  # nothing changes while they talk
    stage = await PublicStage(tasks, still, new_visitors=NewVisitorLimits(burst=2, per_second=1)).open()
    stage.go_live()
    await stage.watch()
    app = web.Application(middlewares=[envelope(RequestMetrics(CollectorRegistry()))])
    app.add_routes(routes(stage.public, stage.board))
    answer = stage.public.answer if express else lambda *_: None
    fast: list[WireReply] = []
    async with serving(app, answer, "127.0.0.1", 0, spawn=tasks.spawn, on_reply=fast.append) as port:
        yield Site(stage, port, fast)
    await stage.board.aclose()
    await tasks.aclose()


async def answered(asked: list[Asked], cuts: list[int], *, express: bool) -> tuple[list[object], int]:
    async with site(express=express) as served:
        return list(await served.converse(asked, cuts)), len(served.fast)


@settings(max_examples=60)
@given(conversations, st.lists(st.integers(1, 400), max_size=12))
def test_the_fast_path_answers_as_aiohttp_does(asked: list[Asked], cuts: list[int]) -> None:
    with_lane, _ = asyncio.run(answered(asked, cuts, express=True))
    without, none = asyncio.run(answered(asked, cuts, express=False))
    assert with_lane == without
    assert none == 0


async def test_odd_headers_get_the_same_answers_from_both() -> None:
    target = "/api/pub/public/v1/orgs/{organization}/channels/{live}/conference/stream_status"
    alone = [Asked(target, headers=(header,)) for header in HEADERS]
    with_a_doubled_one = [Asked(target, headers=(header, "Accept: */*", "Accept: */*")) for header in HEADERS]
    answers = []
    for express in (True, False):
        async with site(express=express) as served:
            answers.append([await served.converse([each], []) for each in alone + with_a_doubled_one])
            assert bool(served.fast) is express
    assert answers[0] == answers[1]


async def test_doubtful_requests_get_the_same_answers_from_both() -> None:
    target = "/api/pub/public/v1/orgs/{organization}/channels/{live}/conference/stream_status"
    answers = []
    for express in (True, False):
        async with site(express=express) as served:
            answers.append([await served.send_raw(each, target) for each in BROKEN])
    assert answers[0] == answers[1]


@settings(max_examples=40)
@given(st.lists(polls, min_size=1, max_size=12), st.lists(st.integers(1, 400), max_size=12))
def test_a_connection_with_polls_only_stays_on_the_fast_path(asked: list[Asked], cuts: list[int]) -> None:
    _, fast = asyncio.run(answered(asked, cuts, express=True))
    assert fast == len(asked)
