"""A scripted hour, compressed: random changes while the service, Redis and PostgreSQL restart. Sockets receive each change once.

What they should have received is read from the log afterwards.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from aiohttp import ClientError, ClientSession, ClientTimeout, WSMsgType

from service.api.realtime.paths import read_path
from service.api.realtime.sockets import SOCKET
from service.clock import SystemClock
from service.domain.access.accounts import Accounts
from service.domain.events.event import Scope
from service.store import Store
from tests.e2e.server import Server
from tests.servers import PostgresServer, RedisServer
from tests.waiting import PATIENCE

pytestmark = pytest.mark.e2e

CHANNELS = 3
BETWEEN = 1.5
"""Seconds of changes between two restarts."""
CHANGES = {"added", "changed", "removed"}


class Follower:
    """A client that connects again after every failure, and resumes."""

    def __init__(self, base: str, token: str, user: UUID, paths: list[str]) -> None:
        self.user = user
        self.paths = paths
        self.start: dict[str, int] = {}
        self.received: dict[str, list[int]] = defaultdict(list)
        self.connections = 0
        self._base = base
        self._token = token

    async def run(self) -> None:
        async with ClientSession() as session:
            while True:
                with suppress(ClientError, OSError, TimeoutError):
                    async with session.ws_connect(self._base + SOCKET) as socket:
                        self.connections += 1
                        for path in self.paths:
                            await self._subscribe(socket, path)
                        async for message in socket:
                            assert message.type is WSMsgType.TEXT
                            await self._handle(socket, json.loads(message.data))
                await asyncio.sleep(0.1)

    async def _subscribe(self, socket: Any, path: str) -> None:
        since = self.received[path][-1] if self.received[path] else self.start.get(path)
        resume = {} if since is None else {"since": since}
        await socket.send_json({"action": "subscribe", "channel": path, "token": self._token, **resume})

    async def _handle(self, socket: Any, message: dict[str, Any]) -> None:
        if message["action"] in CHANGES:
            self.received[message["channel"]].append(message["id"])
        elif message["action"] == "subscribed":
            self.start.setdefault(message["channel"], message["id"])
        elif message["action"] == "refused":
            assert message["status"] in (429, 503), message
            await asyncio.sleep(0.3)
            await self._subscribe(socket, message["channel"])
        else:
            assert message["action"] == "position", message

    async def expected(self, store: Store, organization: UUID) -> dict[str, list[int]]:
        """Return the ids that should have been received, from the log."""
        found = {}
        for path in self.paths:
            events = await store.events.events(organization, self.start[path], 100_000, read_path(path).keys)
            mine = [e for e in events if e.audience.scope is Scope.ORGANIZATION or e.audience.subject == self.user]
            found[path] = [each.id for each in mine]
        return found


class Writer:
    """Makes random changes; those that fail while something restarts are dropped."""

    def __init__(
        self, session: ClientSession, base: str, headers: dict[str, str], channels: list[str], user: str
    ) -> None:
        self._session = session
        self._base = base
        self._headers = headers
        self._channels = channels
        self._user = user
        self._messages: list[str] = []

    async def run(self) -> None:
        while True:
            with suppress(ClientError, OSError, TimeoutError):
                await self._change()
            await asyncio.sleep(random.random() / 20)

    async def _change(self) -> None:
        channel = random.choice(self._channels)
        body = {"body": {"version": 3, "chunks": [{"type": "text", "text": str(random.random())}]}}
        kind = random.randrange(6)
        if kind < 2 or not self._messages:
            made = await self._call("POST", f"{channel}/messages", body)
            if made is not None:
                self._messages.append(f"{channel}/messages/{made['id']}")
        elif kind == 2:
            await self._call("PATCH", random.choice(self._messages), body)
        elif kind == 3:
            await self._call("DELETE", self._messages.pop())
        elif kind == 4:
            await self._call("PATCH", channel, {"description": str(random.random())})
        elif await self._call("POST", f"{channel}/members", {"member_id": self._user}) is not None:
            await self._call("DELETE", f"{channel}/members/{self._user}")

    async def _call(self, method: str, path: str, body: Any = None) -> Any:
        async with self._session.request(method, f"{self._base}/{path}", json=body, headers=self._headers) as response:
            return await response.json() if response.status in (200, 201) else None


async def test_every_change_is_received_once_through_all_restarts(
    tmp_path: Path, postgres_server: PostgresServer, redis_server: RedisServer, migrated_postgresql: str
) -> None:
    server = Server(tmp_path, database_url=migrated_postgresql, redis_url=redis_server.url)
    organization, ada, bob = uuid4(), uuid4(), uuid4()
    store = Store(migrated_postgresql)
    accounts = Accounts(store.accounts, store.accounts, SystemClock())
    tokens = {user: (await accounts.create_token(organization, user)).secret for user in (ada, bob)}
    headers = {"Authorization": f"Token {tokens[ada]}"}
    base = f"{server.base}/api/pub/v1/orgs/{organization}/channels"
    running: list[asyncio.Task[None]] = []
    try:
        await asyncio.to_thread(server.start)
        async with ClientSession(timeout=ClientTimeout(10)) as session:
            channels = []
            for number in range(CHANNELS):
                async with session.post(base, json={"name": f"{number}"}, headers=headers) as response:
                    channels.append((await response.json())["id"])
            org = f"/api/pub/v1/orgs/{organization}"
            shared = [
                f"{org}/channels",
                *(f"{org}/channels/{each}/{of}" for each in channels for of in ("messages", "members")),
            ]
            followers = [
                Follower(server.base, tokens[user], user, [*shared, f"{org}/users/{user}/joined-channels"])
                for user in (ada, ada)
            ] + [Follower(server.base, tokens[bob], bob, shared)]
            running = [asyncio.create_task(each.run()) for each in followers]
            await _until(lambda: _true(all(len(each.start) == len(each.paths) for each in followers)))
            writers = [Writer(session, base, headers, channels, str(bob)) for _ in range(3)]
            writing = [asyncio.create_task(each.run()) for each in writers]
            running += writing
            await _restarts(server, redis_server, postgres_server)
            for each in writing:
                each.cancel()
            await asyncio.gather(*writing, return_exceptions=True)

            async def complete() -> bool:
                return all([each.received == await each.expected(store, organization) for each in followers])

            with suppress(TimeoutError):
                await _until(complete)
            for each in followers:
                expected = await each.expected(store, organization)
                assert {path: each.received[path] for path in each.paths} == expected
                assert sum(map(len, expected.values())) > 100 and each.connections >= 3
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await store.aclose()
        await asyncio.to_thread(server.close)


async def _restarts(server: Server, redis: RedisServer, postgres: PostgresServer) -> None:
    steps: list[Callable[[], object]] = [
        redis.stop, redis.start, server.kill, server.start, postgres.stop, postgres.start, server.stop, server.start,
    ]  # fmt: skip
    for step in steps:
        await asyncio.sleep(BETWEEN)
        await asyncio.to_thread(step)
    await asyncio.sleep(BETWEEN)


async def _true(holds: bool) -> bool:
    return holds


async def _until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await holds():  # noqa: ASYNC110 - the log is asked
            await asyncio.sleep(0.2)
