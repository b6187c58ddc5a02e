"""Requests of players that are sent on to the node that carries the broadcast; the owner is a real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from providers.local.playback.answers import IMMUTABLE
from providers.local.playback.forward import ENTRY, HOP, Forwarder, ForwardLimits
from tests.servers import free_port
from tests.serving import serving

KEY = "the key of the nodes"
CARRIED = "a" * 32
PARAMETERS = ("_HLS_msn", "_HLS_part")


class Owner:
    """The node that carries the broadcast."""

    def __init__(self) -> None:
        self.requests: list[web.Request] = []
        self.url = ""
        self.cache = IMMUTABLE
        self.answer = asyncio.Event()
        self.answer.set()

    async def handle(self, request: web.Request) -> web.Response:
        self.requests.append(request)
        await self.answer.wait()
        headers = {"Cache-Control": self.cache, "ETag": '"1"', "Set-Cookie": "of=owner"}
        return web.Response(body=request.path_qs.encode(), headers=headers)

    def url_of(self, uid: str) -> str | None:
        """Implement `Owners`."""
        return self.url if uid == CARRIED else None


@asynccontextmanager
async def node(owner: Owner, limits: ForwardLimits | None = None) -> AsyncIterator[str]:
    """Yield the origin of a node that answers what it carries itself with `own`."""
    forwarder = Forwarder(owner, KEY, limits)

    async def own(request: web.Request) -> web.Response:
        return web.Response(text="own")

    app = web.Application()
    app.router.add_get("/{uid}/{name}", forwarder.around(own, PARAMETERS))
    async with serving(app) as origin:
        yield origin
    await forwarder.aclose()


@pytest.fixture
async def owner() -> AsyncIterator[Owner]:
    made = Owner()
    app = web.Application()
    app.router.add_get("/{rest:.*}", made.handle)
    async with AsyncExitStack() as stack:
        made.url = await stack.enter_async_context(serving(app))
        yield made


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def test_what_another_node_carries_comes_from_there(owner: Owner, http: aiohttp.ClientSession) -> None:
    async with node(owner) as origin:
        async with http.get(f"{origin}/{CARRIED}/live.m3u8?_HLS_msn=3&_HLS_part=%2F") as response:
            assert await response.text() == f"/{CARRIED}/live.m3u8?_HLS_msn=3&_HLS_part=/"
            assert response.headers["ETag"] == '"1"'
            assert response.headers["Access-Control-Allow-Origin"] == "*"
            assert "Set-Cookie" not in response.headers
        async with http.get(f"{origin}/{'b' * 32}/live.m3u8") as response:
            assert await response.text() == "own"
    assert [each.headers[HOP] for each in owner.requests] == [KEY]


async def test_many_players_that_ask_the_same_cost_one_request(owner: Owner, http: aiohttp.ClientSession) -> None:
    owner.answer.clear()
    owner.cache = "public, max-age=1"

    async def fetch(origin: str) -> bytes:
        async with http.get(f"{origin}/{CARRIED}/live.m3u8?_HLS_msn=3") as response:
            return await response.read()

    async with node(owner) as origin:
        players = asyncio.gather(*(fetch(origin) for _ in range(30)))
        await asyncio.sleep(0.2)
        owner.answer.set()
        assert len(set(await players)) == 1
        assert len(owner.requests) == 1
        await fetch(origin)
        assert len(owner.requests) == 2, "a playlist is not kept"


async def test_media_is_fetched_once_for_each_range(owner: Owner, http: aiohttp.ClientSession) -> None:
    async with node(owner) as origin:
        for ranges in ("bytes=0-3", "bytes=0-3", "bytes=4-7", "bytes=4-7"):
            async with http.get(f"{origin}/{CARRIED}/1.m4s", headers={"Range": ranges}) as response:
                await response.read()
    assert [each.headers["Range"] for each in owner.requests] == ["bytes=0-3", "bytes=4-7"]


async def test_kept_media_is_bounded(owner: Owner, http: aiohttp.ClientSession) -> None:
    async with node(owner, ForwardLimits(cache=2 * ENTRY + 100)) as origin:
        for number in (1, 2, 3, 1):
            async with http.get(f"{origin}/{CARRIED}/{number}.m4s") as response:
                await response.read()
    assert len(owner.requests) == 4


async def test_a_request_of_a_node_is_not_sent_on_and_a_players_is(owner: Owner, http: aiohttp.ClientSession) -> None:
    async with node(owner) as origin:
        for key, answer in ((KEY, "own"), ("guessed", f"/{CARRIED}/1")):
            async with http.get(f"{origin}/{CARRIED}/1", headers={HOP: key}) as response:
                assert await response.text() == answer


async def test_texts_that_no_handler_reads_make_no_further_requests(owner: Owner, http: aiohttp.ClientSession) -> None:
    async with node(owner) as origin:
        for query, coding in (("x=1", "gzip"), ("_HLS=2&x", "br, gzip"), ("y#f", "GZip;q=0.5, zstd"), ("", "*")):
            url, headers = f"{origin}/{CARRIED}/1.m4s?{query}", {"Accept-Encoding": coding}
            async with http.get(url, headers=headers) as response:
                assert await response.text() == f"/{CARRIED}/1.m4s"
        async with http.get(f"{origin}/{CARRIED}/1.m4s", headers={"Accept-Encoding": "br"}) as response:
            assert await response.text() == f"/{CARRIED}/1.m4s"
    assert [each.headers.get("Accept-Encoding") for each in owner.requests] == ["gzip", None]


async def raw(origin: str, target: str, key: bytes) -> bytes:
    """Return the answer to a request that no client library sends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(origin.rpartition(":")[2]))
    head = f"GET {target} HTTP/1.1\r\nHost: node\r\nConnection: close\r\n{HOP}: "
    writer.write(head.encode() + key + b"\r\n\r\n")
    answer = await reader.read()
    writer.close()
    return answer


@pytest.mark.parametrize("target", ["{path}", "http://other.example{path}", "m://other.example:1{path}"])
async def test_only_the_path_of_a_request_is_sent_on_and_only_to_the_owner(owner: Owner, target: str) -> None:
    path = f"/{CARRIED}/live.m3u8"
    async with node(owner) as origin:
        answer = await raw(origin, target.format(path=path), b"\xff\xed\xa0")
    assert answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(path.encode())
    assert [each.raw_path for each in owner.requests] == [path]


@pytest.mark.parametrize("fault", ["gone", "silent", "too long"])
async def test_without_an_answer_players_may_retry(owner: Owner, http: aiohttp.ClientSession, fault: str) -> None:
    limits = ForwardLimits(total_timeout=0.3, max_body=10 if fault == "too long" else 1000)
    if fault == "gone":
        owner.url = f"http://127.0.0.1:{free_port()}"
    if fault == "silent":
        owner.answer.clear()
    async with node(owner, limits) as origin:
        async with http.get(f"{origin}/{CARRIED}/live.m3u8") as response:
            assert (response.status, response.headers["Retry-After"]) == (503, "1")
    owner.answer.set()
