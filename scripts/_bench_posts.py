"""The part of scripts/bench-events about the cost of an event: CPU of a message post with its events and without."""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any

ROUNDS = 10
"""Each has posts with events, then as many without, so that both see the same load of the machine."""

MOST_COST = 1.3
"""Times the CPU of a post without events."""

BODY = json.dumps({"body": {"version": 3, "chunks": [{"type": "text", "text": "Lorem ipsum dolor sit amet. " * 4}]}})

CLIENT = """
import asyncio, sys
from aiohttp import ClientSession

async def main():
    url, token, body = sys.argv[1:]
    headers = {"Authorization": f"Token {token}", "Content-Type": "application/json"}
    async with ClientSession(headers=headers) as session:
        for line in sys.stdin:
            for _ in range(int(line)):
                async with session.post(url, data=body) as response:
                    assert response.status == 201, await response.text()
            print(flush=True)

asyncio.run(main())
"""
"""Posts as many messages as each line of its input says: a process of its own, so that its CPU is not counted."""


def no_events(_: Any) -> Sequence[Any]:
    return ()


async def bench_posts(url: str, posts: int) -> float:
    """Print the CPU of a post with its events and without, and return their ratio."""
    from providers.memory import MemoryProvider
    from scripts._bench_fill import Size, fill
    from service.api.changes import describe
    from service.store.migrate import migrate

    await migrate(url)
    world = await fill(url, Size(channels=60, messages=1_000, users=20, sessions=10, recordings=0), MemoryProvider())
    path = f"/api/pub/v1/orgs/{world.organization}/channels/{world.busiest}/messages"
    async with AsyncExitStack() as stack:
        clients = [
            await _client(stack, await _server(stack, url, form), path, world.token) for form in (describe, no_events)
        ]
        for client in clients:
            await _spent(client, posts // 4)  # open the connection, compile the statements
        costs: list[tuple[float, float]] = []
        for _ in range(ROUNDS):
            costs.append((await _spent(clients[0], posts), await _spent(clients[1], posts)))
    with_events, without = (1000 * statistics.median(each) / posts for each in zip(*costs, strict=True))
    ratio = statistics.median(one / other for one, other in costs)
    print(f"{url.partition(':')[0]}: CPU of a post {with_events:.2f} ms with its events, {without:.2f} ms without: "
          f"{ratio:.2f} times")  # fmt: skip
    return ratio


async def _server(stack: AsyncExitStack, url: str, form: Callable[[Any], Sequence[Any]]) -> str:
    """Serve the API in this process, with events of that form. Return its address."""
    from aiohttp.test_utils import TestServer

    from providers.memory import MemoryProvider
    from service.concurrency.tasks import Tasks
    from service.domain.conversation.meetings import MeetingSigner
    from service.events.bus import MemoryBus
    from service.store import Store
    from service.viewers.memory import MemoryViewers
    from service.wiring.api import build_app
    from service.wiring.domain import assembled
    from service.wiring.ports import Ports

    store, tasks = Store(url, form), Tasks()
    stack.push_async_callback(store.aclose)
    stack.push_async_callback(tasks.aclose)
    signer = MeetingSigner("bench", "jitsi", "*", "a secret that is long enough for its purpose")
    ports = Ports(store, MemoryViewers(digest_key=bytes(16)), MemoryProvider(), signer, tasks.spawn, MemoryBus())
    conference = await stack.enter_async_context(assembled(ports))
    server = await stack.enter_async_context(TestServer(build_app(conference.api)))
    return str(server.make_url(""))


async def _client(stack: AsyncExitStack, server: str, path: str, token: str) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CLIENT, server.rstrip("/") + path, token, BODY,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    stack.push_async_callback(process.wait)
    stack.callback(process.stdin.close)
    return process


async def _spent(client: asyncio.subprocess.Process, posts: int) -> float:
    """Return the CPU time of this process, with all its threads, in which it answers so many posts."""
    assert client.stdin is not None and client.stdout is not None
    before = time.process_time()
    client.stdin.write(f"{posts}\n".encode())
    await client.stdin.drain()
    if not await client.stdout.readline():
        raise RuntimeError("a post failed")
    return time.process_time() - before


def main(posts: int) -> int:
    """Measure on both databases. Return the exit code: 1 if a post with its events costs too much."""
    import uvloop

    from tests.servers import postgres_server

    ratios = []
    with tempfile.TemporaryDirectory(prefix="bench-events-") as home, postgres_server() as server:
        with server.database() as postgresql:
            for url in (f"sqlite:///{home}/store.db", postgresql):
                with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                    ratios.append(runner.run(bench_posts(url, posts)))
    return 0 if max(ratios) <= MOST_COST else 1
