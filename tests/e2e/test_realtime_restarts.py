"""A scripted hour, compressed: random changes while the service, Redis and PostgreSQL restart.

Sockets and a webhook receive each change once. What they should have received is read from the log afterwards.
No accepted message of the API channel is lost, and its webhook gets none twice: one whose delivery was interrupted has failed.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

import pytest
from aiohttp import ClientError, ClientSession, ClientTimeout, WSMsgType

from service.api.realtime.paths import read_path
from service.api.realtime.sockets import SOCKET
from service.clock import SystemClock
from service.domain.access.accounts import Accounts
from service.domain.access.directory import Directory
from service.domain.events.event import Scope
from service.domain.webhooks.limits import DeliveryLimits
from service.store import Store
from tests.e2e.server import Server
from tests.receiver import Receiver, receiving
from tests.servers import PostgresServer, RedisServer
from tests.waiting import PATIENCE

pytestmark = pytest.mark.e2e

CHANNELS = 3
MAX_INTERRUPTED = 4
"""Deliveries of one inbox that a stop can interrupt: one for each conversation, kill and stop."""
OF_CHANNEL = ("messages", "members", "conference/create_stream", "conference/stream_sessions")
CHANGES_BETWEEN = 30
"""Between two restarts, at least."""
OUTAGE = 1.0
"""Seconds for which something is stopped."""
CHANGES = {"added", "changed", "removed"}
SHARED = {Scope.ORGANIZATION, Scope.PUBLIC}


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as opened:
        yield opened


@pytest.fixture
async def bridge() -> AsyncIterator[Receiver]:
    """Receive the webhook of an inbox."""
    async with receiving() as opened:
        yield opened


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
            mine = [each for each in events if each.audience.scope in SHARED or each.audience.subject == self.user]
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
        self.made = 0
        """Changes that were accepted."""
        self.posted: set[str] = set()
        """Ids of the messages that were accepted."""

    async def run(self) -> None:
        while True:
            with suppress(ClientError, OSError, TimeoutError):
                await self._change()
            await asyncio.sleep(random.random() / 20)

    async def _change(self) -> None:
        channel = random.choice(self._channels)
        body = {"body": {"version": 3, "chunks": [{"type": "text", "text": str(random.random())}]}}
        kind = random.randrange(9)
        if kind < 2 or not self._messages:
            made = await self._call("POST", f"{channel}/messages", body)
            if made is not None:
                self.posted.add(made["id"])
                self._messages.append(f"{channel}/messages/{made['id']}")
        elif kind == 2:
            await self._call("PATCH", random.choice(self._messages), body)
        elif kind == 3:
            await self._call("DELETE", self._messages.pop())
        elif kind == 4:
            await self._call("PATCH", channel, {"description": str(random.random())})
        elif kind == 5:
            action = random.choice(("start", "stop"))
            await self._call("POST", f"{channel}/conference/stream_session", {"action": action})
        elif kind == 6:
            options = {"reconnect_timeout": random.randrange(60)}
            await self._call("POST", f"{channel}/conference/create_stream", options)
        elif kind == 7:
            call = random.choice(("call_request", "call_leave"))
            await self._call("POST", f"{channel}/messages", {"type": call, "body": {"version": 1}})
        elif await self._call("POST", f"{channel}/members", {"member_id": self._user}) is not None:
            await self._call("DELETE", f"{channel}/members/{self._user}")

    async def _call(self, method: str, path: str, body: Any = None) -> Any:
        async with self._session.request(method, f"{self._base}/{path}", json=body, headers=self._headers) as response:
            self.made += response.ok
            return await response.json() if response.status in (200, 201) else None


class Contact:
    """Asks in an inbox that is bound to a channel; what fails is dropped."""

    def __init__(self, session: ClientSession, base: str, token: str) -> None:
        self.accepted: set[int] = set()
        self._session = session
        self._base = base
        self._headers = {"api_access_token": token}
        self._messages = ""

    async def open(self, channel: str, webhook_url: str) -> None:
        """Create the inbox, and a conversation in it."""
        account = f"/api/v1/accounts/{(await self._call('GET', '/api/v1/profile'))['account_id']}"
        named = {"name": "WhatsApp", "webhook_url": webhook_url, "live_channel_id": channel}
        inbox = await self._call("POST", f"{account}/inboxes", named)
        contact = await self._call("POST", f"{account}/contacts", {"inbox_id": inbox["id"], "name": "Pranav"})
        asked = {"inbox_id": inbox["id"], "contact_id": contact["id"]}
        number = (await self._call("POST", f"{account}/conversations", asked))["id"]
        self._messages = f"{account}/conversations/{number}/messages"

    async def run(self) -> None:
        while True:
            with suppress(ClientError, OSError, TimeoutError):
                said = await self._call("POST", self._messages, {"content": "When?", "message_type": "incoming"})
                if said is not None:
                    self.accepted.add(said["id"])
            await asyncio.sleep(0.3)  # of one conversation, 200 a minute are accepted

    async def stored(self) -> dict[int, str]:
        """Return the status of each message."""
        between = {"after": "0", "before": "999999999"}
        found = await self._call("GET", f"{self._messages}?{urlencode(between)}")
        return {each["id"]: each["status"] for each in found["payload"]}

    async def _call(self, method: str, path: str, body: Any = None) -> Any:
        async with self._session.request(method, self._base + path, json=body, headers=self._headers) as response:
            return await response.json() if response.status == 200 else None


async def test_every_change_is_received_once_through_all_restarts(
    tmp_path: Path,
    postgres_server: PostgresServer,
    redis_server: RedisServer,
    migrated_postgresql: str,
    receiver: Receiver,
    bridge: Receiver,
) -> None:
    server = Server(
        tmp_path,
        database_url=migrated_postgresql,
        redis_url=redis_server.url,
        outgoing_networks="127.0.0.0/8",
        outgoing_http="true",
    )
    organization, ada, bob = uuid4(), uuid4(), uuid4()
    store = Store(migrated_postgresql)
    accounts = Accounts(store.accounts, store.accounts, SystemClock())
    tokens = {user: (await accounts.create_token(organization, user)).secret for user in (ada, bob)}
    await Directory(store.directory, SystemClock()).set_manager(ada, True)
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
            begin = await hook(session, server.base + org, receiver.url, headers, store)
            shared = [
                f"{org}/channels",
                f"{org}/conference/streams",
                *(f"{org}/channels/{each}/{of}" for each in channels for of in OF_CHANNEL),
            ]
            own = [f"{org}/users/{ada}/joined-channels", f"{org}/users/{ada}/active_conferences"]
            followers = [
                Follower(server.base, tokens[ada], ada, [*shared, *own]),
                Follower(server.base, tokens[ada], ada, [*shared, *own]),
                Follower(server.base, tokens[bob], bob, shared),
            ]
            running = [asyncio.create_task(each.run()) for each in followers]
            await _until(lambda: _true(all(len(each.start) == len(each.paths) for each in followers)))
            writers = [Writer(session, base, headers, channels, str(bob)) for _ in range(3)]
            contact = Contact(session, server.base, tokens[ada])
            await contact.open(channels[0], bridge.url)
            writing = [asyncio.create_task(each.run()) for each in (*writers, contact)]
            running += writing
            await _restarts(server, redis_server, postgres_server, writers)
            for each in writing:
                each.cancel()
            await asyncio.gather(*writing, return_exceptions=True)

            async def hooked() -> list[int]:
                log = await store.events.events(organization, begin, 100_000)
                return [each.id for each in log if each.audience.scope in SHARED and "{" not in each.channel]

            async def complete() -> bool:
                sockets = [each.received == await each.expected(store, organization) for each in followers]
                return all(sockets) and delivered(receiver) == await hooked()

            with suppress(TimeoutError):
                await _until(complete, DeliveryLimits().lease + PATIENCE)
            assert delivered(receiver) == await hooked()
            assert {each.id for each in receiver.received} == {f"{organization}_{id_}" for id_ in await hooked()}
            arrived = {each.message["resource_id"] for each in receiver.received}
            accepted = set[str]().union(*(each.posted for each in writers))
            assert accepted and accepted <= arrived
            await answered(contact, bridge)
            for each in followers:
                expected = await each.expected(store, organization)
                assert {path: each.received[path] for path in each.paths} == expected
                assert sum(map(len, expected.values())) > 2 * CHANGES_BETWEEN and each.connections >= 3
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await store.aclose()
        await asyncio.to_thread(server.close)


async def hook(session: ClientSession, org: str, url: str, headers: dict[str, str], store: Store) -> int:
    """Create a webhook of all changes; return the id of the last event that it does not get."""
    body = {"endpoint_url": url, "channel_subscriptions": [{"channel_pattern": "/**"}]}
    async with session.post(f"{org}/webhooks", json=body, headers=headers) as response:
        assert response.status == 201, await response.text()
    organization = UUID(org.rpartition("/")[2])
    return (await store.events.heads([organization]))[organization].last_id


def delivered(receiver: Receiver) -> list[int]:
    """Return the ids of the events in the order of their arrival, each once: a delivery that a kill interrupts is repeated."""
    return list(dict.fromkeys(each.message["id"] for each in receiver.received))


async def answered(contact: Contact, bridge: Receiver) -> None:
    """Check the deliveries of the inbox once they have all been made or given up."""

    def delivered_once() -> set[int]:
        made = [each.message["id"] for each in bridge.received if each.message["event"] == "message_created"]
        assert len(made) == len(set(made))
        return set(made)

    async def settled() -> bool:
        stored = await contact.stored()
        return all(each in delivered_once() or status == "failed" for each, status in stored.items())

    await _until(settled)
    assert contact.accepted and contact.accepted <= set(await contact.stored())
    assert len(delivered_once()) >= len(contact.accepted) - MAX_INTERRUPTED


async def _restarts(server: Server, redis: RedisServer, postgres: PostgresServer, writers: list[Writer]) -> None:
    async def changes() -> None:
        wanted = sum(each.made for each in writers) + CHANGES_BETWEEN
        await _until(lambda: _true(sum(each.made for each in writers) >= wanted))

    steps: list[tuple[Callable[[], object], Callable[[], object]]] = [
        (server.kill, server.start), (redis.stop, redis.start), (postgres.stop, postgres.start), (server.stop, server.start),
    ]  # fmt: skip
    await changes()
    for stop, start in steps:
        await asyncio.to_thread(stop)
        await asyncio.sleep(OUTAGE)
        await asyncio.to_thread(start)
        await changes()


async def _true(holds: bool) -> bool:
    return holds


async def _until(holds: Callable[[], Awaitable[bool]], patience: float = PATIENCE) -> None:
    async with asyncio.timeout(patience):
        while not await holds():  # noqa: ASYNC110 - the log is asked
            await asyncio.sleep(0.2)
