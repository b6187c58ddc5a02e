"""The API on a real port, over each database, with the in-memory provider behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from aiohttp.test_utils import TestClient, TestServer

from providers.memory import MemoryProvider
from service.api.changes import describe
from service.api.health import Readiness
from service.attachment_files import DiskAttachmentFiles
from service.concurrency.tasks import Tasks
from service.domain.access.accounts import Accounts
from service.domain.audience.log import AudienceLog
from service.domain.conversation.meetings import MeetingSigner
from service.domain.status.board import StatusBoard
from service.domain.streams.streams import Streams
from service.events.bus import MemoryBus
from service.http.binding import BodyLimits
from service.outgoing.client import OutgoingClient, OutgoingPolicy
from service.store import Store
from service.viewers.memory import MemoryViewers
from service.wiring.api import build_app
from service.wiring.domain import Conference, assembled
from service.wiring.log_writers import LogWriters
from service.wiring.ports import Ports
from tests.api.people import Person, first, new_user
from tests.clock import RunningClock

MEETING_SIGNER = MeetingSigner("our-app", "jitsi", "meet.example.com", "the secret shared with Jitsi, long enough")


@dataclass
class Api:
    """A running API and what a test needs around it. `get` and `post` send the first user's token."""

    client: TestClient[Any, Any]
    store: Store
    accounts: Accounts
    provider: MemoryProvider
    clock: RunningClock
    streams: Streams
    readiness: Readiness
    board: StatusBoard
    writers: LogWriters
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

    async def organization_beside(self) -> Api:
        """Return the same service as a user of another organization sees it."""
        organization, user = uuid4(), uuid4()
        issued = await self.accounts.create_token(organization, user)
        return replace(self, organization=organization, user=user, token=issued.secret)

    def conference(self, channel: str) -> str:
        return f"{self.base}/channels/{channel}/conference"

    def public(self, channel: str) -> str:
        """Where the channel's public endpoints are."""
        return self.conference(channel).replace("/pub/", "/pub/public/", 1)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Return a fresh database with the newest schema, of each kind."""
    return str(request.getfixturevalue(f"migrated_{request.param}"))


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    opened = Store(database_url, describe)
    yield opened
    await opened.aclose()


@pytest.fixture
def clock() -> RunningClock:
    return RunningClock()


@pytest.fixture
def provider(clock: RunningClock) -> MemoryProvider:
    return MemoryProvider(clock=clock.now)


@pytest.fixture
def viewers() -> MemoryViewers:
    return MemoryViewers(digest_key=bytes(16))


@pytest.fixture
async def outgoing() -> AsyncIterator[OutgoingClient]:
    """Yield the client for webhooks, which may call the receivers of tests."""
    async with OutgoingClient(OutgoingPolicy([ip_network("127.0.0.0/8")], http=True)) as client:
        yield client


@pytest.fixture
def files(tmp_path: Path) -> DiskAttachmentFiles:
    return DiskAttachmentFiles(tmp_path / "attachments")


@pytest.fixture
async def conference(
    store: Store,
    provider: MemoryProvider,
    viewers: MemoryViewers,
    clock: RunningClock,
    tasks: Tasks,
    outgoing: OutgoingClient,
    files: DiskAttachmentFiles,
) -> AsyncIterator[Conference]:
    """Yield the product over the store and the twins; its sessions are kept."""
    ports = Ports(
        store, viewers, provider, MEETING_SIGNER, tasks.spawn, MemoryBus(), clock, outgoing=outgoing, files=files
    )
    async with assembled(ports) as opened:
        opened.writers.start()
        yield opened


@pytest.fixture
def body_limits() -> BodyLimits:
    """Return the limits of request bodies. A test overrides them with `parametrize`."""
    return BodyLimits()


@pytest.fixture
async def api(
    conference: Conference, store: Store, provider: MemoryProvider, clock: RunningClock, body_limits: BodyLimits
) -> AsyncIterator[Api]:
    organization, user = uuid4(), uuid4()
    issued = await conference.accounts.create_token(
        organization, user, organization_name="Acme", full_name="Ada Byron Lovelace"
    )
    async with TestClient(TestServer(build_app(replace(conference.api, body=body_limits)))) as client:
        yield Api(
            client,
            store,
            conference.accounts,
            provider,
            clock,
            conference.api.streams,
            conference.api.readiness,
            conference.board,
            conference.writers,
            conference.audience,
            organization,
            user,
            issued.secret,
        )
        await conference.events.aclose()
        await conference.realtime.aclose()


@pytest.fixture
def ada(api: Api) -> Person:
    """Return the user every test has."""
    return first(api)


@pytest.fixture
async def bob(api: Api) -> Person:
    """Another user of the same organization."""
    return await new_user(api, "Bob Kahn")
