"""Files over uvloop connections: every byte in order, also to a slow client, and an end when the client leaves."""

from __future__ import annotations

import asyncio
import os
import random
import socket
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from service.concurrency.sendfile import SendfileLoop
from tests.serving import serving
from tests.waiting import until

SIZE = 9_000_000


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run on the loop that the service has; pytest's own is another one."""
    with asyncio.Runner(loop_factory=SendfileLoop) as runner:
        return runner.run(work)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "segment.mp4"
    path.write_bytes(random.Random(1).randbytes(SIZE))
    return path


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the number of bytes that each call of sendfile(2) has sent."""
    calls: list[int] = []
    real = os.sendfile

    def counted(*arguments: Any) -> int:
        size = real(*arguments)
        calls.append(size)
        return size

    monkeypatch.setattr(os, "sendfile", counted)
    return calls


def application(path: Path, failures: list[BaseException]) -> web.Application:
    """Return an application that sends the file, and notes how that failed."""

    class Response(web.FileResponse):
        async def prepare(self, request: web.BaseRequest) -> Any:
            try:
                return await super().prepare(request)
            except BaseException as failure:
                failures.append(failure)
                raise

    async def answer(request: web.Request) -> web.StreamResponse:
        return Response(path)

    app = web.Application()
    app.router.add_get("/", answer)
    return app


async def answers(path: Path, heads: list[str], *, delay: float = 0.0) -> list[bytes]:
    """Return the bodies of requests with these header lines, one after the other on one connection, read slowly."""
    async with serving(application(path, [])) as origin:
        port = int(origin.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=65536)
        bodies = []
        for lines in heads:
            writer.write(f"GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
            body = bytearray()
            while len(body) < length:
                body += await reader.read(min(1_000_000, length - len(body)))
                await asyncio.sleep(delay)
            bodies.append(bytes(body))
        writer.close()
        await writer.wait_closed()
        return bodies


def test_every_byte_arrives_by_the_kernel_and_the_connection_goes_on(file: Path, sent: list[int]) -> None:
    whole, part, again = run(answers(file, ["", "Range: bytes=1000-2999\r\n", ""]))
    content = file.read_bytes()
    assert whole == again == content
    assert part == content[1000:3000]
    assert sum(sent) == 2 * SIZE + 2000


def test_a_slow_client_gets_every_byte(file: Path, sent: list[int]) -> None:
    [whole] = run(answers(file, [""], delay=0.001))
    assert whole == file.read_bytes()
    assert sum(sent) == SIZE
    assert len(sent) > 1


async def leave(path: Path) -> list[BaseException]:
    """Let a client leave that has read nothing. Return how the response failed, once no descriptor is left open."""
    failures: list[BaseException] = []
    async with serving(application(path, failures)) as origin:
        before = len(os.listdir("/proc/self/fd"))
        client = socket.create_connection(("127.0.0.1", int(origin.rpartition(":")[2])))
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await until(lambda: len(os.listdir("/proc/self/fd")) >= before + 4)  # two sockets, and two duplicates
        assert failures == []
        client.close()  # with unread bytes: a reset
        await until(lambda: bool(failures) and len(os.listdir("/proc/self/fd")) <= before)
    return failures


def test_a_client_that_leaves_ends_it_and_nothing_stays_open(file: Path) -> None:
    with file.open("ab") as grown:
        grown.truncate(200_000_000)  # more than any socket's buffer
    [failure] = run(leave(file))
    assert isinstance(failure, ConnectionError)


def test_a_connection_with_tls_is_left_to_the_ordinary_way(file: Path) -> None:
    class Secure(asyncio.WriteTransport):
        def get_extra_info(self, name: str, default: Any = None) -> Any:
            return object() if name == "sslcontext" else default

    async def send() -> None:
        with file.open("rb") as opened:
            await asyncio.get_running_loop().sendfile(Secure(), opened)

    with pytest.raises(NotImplementedError):
        run(send())
