"""The API on a real port, over each database, with the in-memory provider behind it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from aiohttp.test_utils import TestClient, TestServer

from providers.memory import MemoryProvider
from service.api import public_stream
from service.api.app import ApiDependencies, build_app
from service.api.health import Readiness
from service.domain.accounts import Accounts
from service.domain.audience import AudienceLog
from service.domain.catalogue import Catalogue
from service.domain.channels import Channels
from service.domain.joined import DirectChannels, JoinedChannels
from service.domain.meetings import Meetings, MeetingSigner
from service.domain.members import Members
from service.domain.messages import Messages
from service.domain.newcomers import Newcomers
from service.domain.session_keeper import SessionKeeper
from service.domain.sessions import Sessions
from service.domain.showcase import Showcase
from service.domain.status import StatusBoard
from service.domain.stream_health import HealthDesk
from service.domain.streams import Streams
from service.domain.visitors import Visitors
from service.store import Store
from service.store.migrate import migrate
from service.tasks import Tasks
from service.viewers.memory import MemoryViewers

MEETING_SIGNER = MeetingSigner("our-app", "jitsi", "meet.example.com", "the secret shared with Jitsi, long enough")


def now() -> datetime:
    return datetime.now(UTC)


def unix_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass
class Api:
    """A running API and what a test needs around it. `get` and `post` send the first user's token."""

    client: TestClient[Any, Any]
    store: Store
    accounts: Accounts
    provider: MemoryProvider
    streams: Streams
    readiness: Readiness
    board: StatusBoard
    keeper: SessionKeeper
    audience: AudienceLog
    organization: UUID
    user: UUID
    token: str

    @property
    def auth(self) -> dict[str, str]:
        return {"Authorization": f"Token {self.token}"}

    @property
    def base(self) -> str:
        return f"/api/pub/v1/orgs/{self.organization}"

    async def get(self, path: str, **more: Any) -> tuple[int, Any]:
        """`path` may also be an absolute link the API gave."""
        path = path.removeprefix(str(self.client.make_url("")).rstrip("/"))
        async with self.client.get(path, headers=self.auth, **more) as response:
            return response.status, await response.json()

    async def post(self, path: str, body: Any = None) -> tuple[int, Any]:
        async with self.client.post(path, headers=self.auth, json=body) as response:
            return response.status, await response.json()

    async def channel(self, name: str = "News") -> str:
        status, body = await self.post(f"{self.base}/channels", {"name": name})
        assert status == 201
        return str(body["id"])

    def conference(self, channel: str) -> str:
        return f"{self.base}/channels/{channel}/conference"


@pytest.fixture(params=["sqlite", "postgresql"])
async def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A fresh database with the newest schema, of each kind."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'store.db'}"
    else:
        url = str(request.getfixturevalue("postgres_url"))
    await migrate(url)
    return url


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    opened = Store(database_url)
    yield opened
    await opened.aclose()


@pytest.fixture
def provider() -> MemoryProvider:
    return MemoryProvider()


@pytest.fixture
def viewers() -> MemoryViewers:
    return MemoryViewers(digest_key=bytes(16))


@pytest.fixture
async def board(
    store: Store, provider: MemoryProvider, viewers: MemoryViewers, tasks: Tasks
) -> AsyncIterator[tuple[StatusBoard, Streams]]:
    """The real status board over the store and the provider, and the streams it looks up."""
    streams = Streams(provider, store.channels, store.claims, now)
    opened = StatusBoard(streams, provider, viewers, tasks.spawn, unix_ms)
    streams.listen(opened.changed)
    yield opened, streams
    await opened.aclose()


@pytest.fixture
def audience() -> AudienceLog:
    return AudienceLog()


@pytest.fixture
async def keeper(
    store: Store,
    provider: MemoryProvider,
    viewers: MemoryViewers,
    board: tuple[StatusBoard, Streams],
    tasks: Tasks,
    audience: AudienceLog,
) -> AsyncIterator[SessionKeeper]:
    """Keeps the stream sessions, on the provider's events and every two seconds."""
    opened = SessionKeeper(store.sessions, provider, board[0], viewers, tasks.spawn, now, audience)
    provider.listen(opened.happened)
    opened.start()
    yield opened
    await opened.aclose()


@pytest.fixture
async def api(
    store: Store,
    provider: MemoryProvider,
    board: tuple[StatusBoard, Streams],
    keeper: SessionKeeper,
    audience: AudienceLog,
) -> AsyncIterator[Api]:
    status_board, streams = board
    channels = Channels(store.channels, now, store.directory)
    channels.on_delete(streams.end)
    joined = JoinedChannels(store.members)
    channels.listen(status_board.changed)
    visitors = await Visitors(store.accounts, store.accounts, now).open()
    public = public_stream.PublicStream(status_board, Newcomers(), clock=unix_ms, visitor_of=visitors.visitor_of)
    accounts = Accounts(store.accounts, store.accounts, now)
    meetings = Meetings(store.presence, store.accounts, MEETING_SIGNER, now)
    readiness = Readiness({"store": store.check, "provider": provider.check})
    catalogue = Catalogue(provider, store.claims, status_board)
    showcase = Showcase(provider, store.channels, store.claims, catalogue)
    streams.listen(showcase.changed)
    app = build_app(
        ApiDependencies(
            authenticator=accounts,
            channels=channels,
            streams=streams,
            catalogue=catalogue,
            health=HealthDesk(streams, audience),
            showcase=showcase,
            members=Members(store.members, store.directory, now),
            messages=Messages(store.messages, now, meetings.note_call),
            joined=joined,
            directs=DirectChannels(store.directs, joined, store.directory, now),
            readiness=readiness,
            visitors=visitors,
            sessions=Sessions(store.sessions, keeper, now),
            meetings=meetings,
            public_routes=public_stream.routes(public, status_board),
        )
    )
    organization, user = uuid4(), uuid4()
    issued = await accounts.create_token(organization, user, organization_name="Acme", full_name="Ada Byron Lovelace")
    async with TestClient(TestServer(app)) as client:
        yield Api(
            client,
            store,
            accounts,
            provider,
            streams,
            readiness,
            status_board,
            keeper,
            audience,
            organization,
            user,
            issued.secret,
        )
