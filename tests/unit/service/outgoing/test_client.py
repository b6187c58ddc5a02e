"""The client for addresses that clients give, against real sockets."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from providers.local.tls.authority import ensure_local_certificate
from providers.local.tls.context import server_context
from service.domain.outgoing import MAX_ANSWER, CallFailed
from service.outgoing.client import OutgoingClient, OutgoingPolicy
from tests.serving import serving
from tests.waiting import PATIENCE

HERE = OutgoingPolicy((IPv4Network("127.0.0.0/8"),), http=True)


@asynccontextmanager
async def raw_server(answer: bytes, *, stays_open: bool = False) -> AsyncIterator[tuple[int, list[bytes]]]:
    """Yield a port that sends these bytes to each request, and the requests' first bytes."""
    seen: list[bytes] = []
    closing = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.read(65_536))
        writer.write(answer)
        if stays_open:
            await closing.wait()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], seen
    finally:
        closing.set()
        server.close()
        await server.wait_closed()


async def reason_of(client: OutgoingClient, url: str, timeout: float = PATIENCE) -> str:
    with pytest.raises(CallFailed) as failed:
        await client.post(url, b"{}", {}, timeout)
    return failed.value.reason


async def test_it_posts_the_body_and_returns_status_and_answer() -> None:
    received: list[tuple[bytes, dict[str, str]]] = []

    async def receive(request: web.Request) -> web.Response:
        received.append((await request.read(), dict(request.headers)))
        return web.Response(status=201, text="thanks")

    app = web.Application()
    app.router.add_post("/in", receive)
    async with serving(app) as origin, OutgoingClient(HERE) as client:
        answer = await client.post(f"{origin}/in", b'{"a":1}', {"Content-Type": "application/json"}, PATIENCE)
    assert (answer.status, answer.body, answer.is_success) == (201, b"thanks", True)
    assert received[0][0] == b'{"a":1}'
    assert received[0][1]["Content-Type"] == "application/json"
    assert received[0][1]["User-Agent"].startswith("Live-Stream-Conference/")


async def test_redirects_are_not_followed() -> None:
    visited: list[str] = []

    async def move(request: web.Request) -> web.Response:
        visited.append(request.path)
        raise web.HTTPTemporaryRedirect("/secret")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", move)
    async with serving(app) as origin, OutgoingClient(HERE) as client:
        assert (await client.post(f"{origin}/in", b"", {}, PATIENCE)).status == 307
    assert visited == ["/in"]


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "localhost",
        "localhost.",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "0.0.0.0",
        "0",
    ],
)
async def test_loopback_is_never_connected_to(host: str) -> None:
    async with raw_server(b"") as (port, seen), OutgoingClient(OutgoingPolicy(http=True)) as client:
        reason = await reason_of(client, f"http://{host}:{port}/")
        assert reason in ("The host has no public address.", "The host name could not be resolved.")
        assert seen == []


async def test_a_name_is_resolved_once_and_the_connected_address_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no second lookup, whose answer could differ from the one that was checked (DNS rebinding)."""
    lookups: list[str] = []
    real = socket.getaddrinfo

    def resolve(host: str, *more: Any) -> Any:
        if host != "rebind.example.com":
            return real(host, *more)
        lookups.append(host)
        return real("127.0.0.1", *more)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    async with raw_server(b"") as (port, seen), OutgoingClient(OutgoingPolicy(http=True)) as client:
        assert client.refusal(f"http://rebind.example.com:{port}/") is None
        assert await reason_of(client, f"http://rebind.example.com:{port}/") == "The host has no public address."
        assert (lookups, seen) == (["rebind.example.com"], [])


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://example.com/", "The URL must begin with https://."),
        ("ftp://example.com/", "The URL is not valid."),
        ("file:///etc/passwd", "The URL is not valid."),
        ("https://user:secret@example.com/", "The URL must not contain a user name or a password."),
        ("https://[::1]/", "The host has no public address."),
        ("https://169.254.169.254/latest/meta-data", "The host has no public address."),
        ("https://[fe80::1%25eth0]/", "The host has no public address."),
        ("https://2852039166/", "The host has no public address."),
        ("https://[::1/", "The URL is not valid."),
        ("not a url", "The URL is not valid."),
    ],
)
async def test_urls_that_can_never_be_called_are_refused_before_any_call(url: str, reason: str) -> None:
    async with OutgoingClient(OutgoingPolicy()) as client:
        assert client.refusal(url) == reason
        assert await reason_of(client, url) == reason


async def test_a_long_answer_is_cut_off_and_its_status_counts() -> None:
    endless = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n" + bytes(MAX_ANSWER + 5)
    async with raw_server(endless, stays_open=True) as (port, _), OutgoingClient(HERE) as client:
        answer = await client.post(f"http://127.0.0.1:{port}/", b"", {}, PATIENCE)
        assert (answer.status, len(answer.body)) == (200, MAX_ANSWER)


async def test_a_compressed_answer_is_not_unpacked() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"
    async with raw_server(answer) as (port, seen), OutgoingClient(HERE) as client:
        assert (await client.post(f"http://127.0.0.1:{port}/", b"", {}, PATIENCE)).body == b"abc"
        assert b"accept-encoding: identity" in seen[0].lower()


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"])
async def test_an_answer_that_does_not_end_in_time_is_a_failure(answer: bytes) -> None:
    async with raw_server(answer, stays_open=True) as (port, _), OutgoingClient(HERE) as client:
        reason = await reason_of(client, f"http://127.0.0.1:{port}/", timeout=0.3)
        assert reason == "There was no complete answer within 0.3 seconds."


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"])
async def test_an_answer_that_breaks_off_is_a_failure(answer: bytes) -> None:
    async with raw_server(answer) as (port, _), OutgoingClient(HERE) as client:
        reason = await reason_of(client, f"http://127.0.0.1:{port}/")
        assert reason == "The connection was closed before the answer was complete."


async def test_other_failures_are_named_without_addresses() -> None:
    async with raw_server(b"SSH-2.0-OpenSSH\r\n\r\n") as (port, _), OutgoingClient(HERE) as client:
        assert await reason_of(client, f"http://127.0.0.1:{port}/") == "The answer is not valid HTTP."
    async with OutgoingClient(HERE) as client:
        assert await reason_of(client, f"http://127.0.0.1:{port}/") == "The connection could not be opened."
        assert await reason_of(client, "http://name.invalid/") == "The host name could not be resolved."


async def test_certificates_are_checked(tmp_path: Path) -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        writer.close()

    files = await asyncio.to_thread(ensure_local_certificate, tmp_path, ["127.0.0.1"])
    server = await asyncio.start_server(greet, "127.0.0.1", 0, ssl=server_context(files.certificate, files.key))
    url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    policy = OutgoingPolicy(HERE.allowed)
    trusting = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    async with server:
        async with OutgoingClient(policy) as client:
            assert await reason_of(client, url) == "The certificate of the host is not valid."
        async with OutgoingClient(policy, tls=trusting) as client:
            assert (await client.post(url, b"{}", {}, PATIENCE)).body == b"ok"
