"""The part of scripts/bench-events about the real-time sockets."""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import tempfile
import time
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from _process import cpu_seconds, resident_memory

MOST_SOCKETS = 4_000
"""Of one service (`SocketLimits`)."""
SOCKETS_PER_ADDRESS = 350
AT_ONCE = 50
PATIENCE = 120.0
SETTLE = 3.0
INTERVAL = 1.0
"""Seconds between two messages."""

HANDSHAKE = (
    "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
PING, PONG = 0x89, 0x8A


class Subscriber(asyncio.Protocol):
    """One socket with one subscription. Records when each change was received."""

    def __init__(self, path: str, request: bytes) -> None:
        self.subscribed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.received: dict[str, float] = {}
        """Times (Unix seconds) by the text of the message."""
        self._handshake = HANDSHAKE.format(path=path).encode()
        self._request = request
        self._buffer = b""
        self._upgraded = False
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        self._transport.write(self._handshake)

    def data_received(self, data: bytes) -> None:
        now = time.time()
        self._buffer += data
        if not self._upgraded:
            head, end, rest = self._buffer.partition(b"\r\n\r\n")
            if end:
                assert b" 101 " in head, head
                self._upgraded, self._buffer = True, rest
                self._transport.write(masked(0x81, self._request))
        while self._upgraded and (found := frame_in(self._buffer)) is not None:
            kind, payload, length = found
            self._buffer = self._buffer[length:]
            if kind == PING:
                self._transport.write(masked(PONG, payload))
            elif b'"action":"added"' in payload:
                text = payload.partition(b'"text":"')[2].partition(b'"')[0]
                assert text.decode() not in self.received, "a change was sent twice"
                self.received[text.decode()] = now
            elif b'"subscribed"' in payload:
                self.subscribed.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.subscribed.done():
            self.subscribed.set_exception(ConnectionError(f"a socket was closed: {self._buffer[:200]!r}"))


def masked(kind: int, payload: bytes) -> bytes:
    """Return a client's frame (RFC 6455 §5.2)."""
    key, size = os.urandom(4), len(payload)
    head = bytes((kind, 0x80 | size)) if size < 126 else bytes((kind, 0x80 | 126)) + size.to_bytes(2, "big")
    return head + key + bytes(byte ^ key[at % 4] for at, byte in enumerate(payload))


def frame_in(data: bytes) -> tuple[int, bytes, int] | None:
    """Return the first byte, the payload and the length of a server's frame; None while it is not complete."""
    if len(data) < 2:
        return None
    start, size = 2, data[1]
    if size == 126:
        start, size = 4, int.from_bytes(data[2:4], "big")
    elif size == 127:
        start, size = 10, int.from_bytes(data[2:10], "big")
    if len(data) < start or len(data) < start + size:
        return None
    return data[0], data[start : start + size], start + size


async def connected(port: int, path: str, request: bytes, size: int) -> list[Subscriber]:
    """Connect and subscribe, from many loopback addresses."""
    loop = asyncio.get_running_loop()
    room = asyncio.Semaphore(AT_ONCE)

    async def arrive(number: int) -> Subscriber:
        address = f"127.0.1.{2 + number // SOCKETS_PER_ADDRESS}"
        async with room:
            _, subscriber = await loop.create_connection(
                lambda: Subscriber(path, request), "127.0.0.1", port, local_addr=(address, 0)
            )
            await subscriber.subscribed
        return subscriber

    async with asyncio.timeout(PATIENCE):
        return await asyncio.gather(*(arrive(number) for number in range(size)))


async def bench_sockets(size: int, messages: int) -> None:
    """Hold the sockets, post messages, and print the latency of their delivery and the cost of a socket."""
    from service.api.realtime.sockets import SOCKET
    from tests.e2e.service import service

    with tempfile.TemporaryDirectory() as home:
        async with service(Path(home)) as live:
            channel = str((await live.api("POST", "channels", {"name": "Town hall"}))["id"])
            assert live.process is not None
            pid = live.process.pid
            await asyncio.sleep(SETTLE)
            empty = resident_memory(pid)
            where = f"/api/pub/v1/orgs/{live.organization}/channels/{channel}/messages"
            request = json.dumps({"action": "subscribe", "channel": where, "token": live.token}).encode()
            began, before = time.monotonic(), cpu_seconds([pid])
            subscribers = await connected(urlsplit(live.base).port or 0, SOCKET, request, size)
            arrived, arriving = time.monotonic() - began, cpu_seconds([pid]) - before
            await asyncio.sleep(SETTLE)
            grown = resident_memory(pid) - empty
            before = cpu_seconds([pid])
            commits: dict[str, float] = {}
            for number in range(messages):
                body = {"version": 3, "chunks": [{"type": "text", "text": f"message {number}"}]}
                posted = await live.api("POST", f"channels/{channel}/messages", {"body": body})
                commits[f"message {number}"] = datetime.fromisoformat(posted["created_at"]).timestamp()
                await asyncio.sleep(INTERVAL)
            await asyncio.sleep(SETTLE)
            spent = cpu_seconds([pid]) - before
    assert all(each.received.keys() == commits.keys() for each in subscribers), "a change is missing"
    delays = sorted(at - commits[text] for each in subscribers for text, at in each.received.items())
    p99 = delays[int(len(delays) * 0.99)]
    print(f"{size:,} sockets, connected and subscribed within {arrived:.1f} s ({arriving:.1f} s of CPU)")
    print(f"{messages} messages, each received once by every socket")
    print(
        f"delay since the message was stored: half {statistics.median(delays):.3f} s, p99 {p99:.3f} s, last {delays[-1]:.3f} s"
    )
    print(f"memory: {grown / size / 1024:.1f} KiB for each ({grown / 2**20:.0f} MiB in all)")
    print(f"CPU: {spent / messages:.3f} s for each message, with posting it")
