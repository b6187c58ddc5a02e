"""Wrong guesses are limited by address, on both ways of answering; right ids and tokens never are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from ipaddress import ip_network
from uuid import uuid4

import aiohttp
import pytest

from providers.memory import MemoryProvider
from service.concurrency.tasks import Tasks
from service.domain.access.guess_limits import GuessLimits
from service.events.bus import MemoryBus
from service.http.server import serving
from service.store import Store
from service.viewers.memory import MemoryViewers
from service.wiring.api import build_app
from service.wiring.domain import assembled
from service.wiring.ports import Ports
from tests.api.conftest import MEETING_SIGNER

LIMITS = GuessLimits(burst=3, per_second=0.01)


@pytest.fixture(params=["sqlite"])
def database_url(migrated_sqlite: str) -> str:
    return migrated_sqlite


@dataclass
class Site:
    client: aiohttp.ClientSession
    base: str
    organization: str
    token: str

    async def get(self, path: str, *, address: str = "192.0.2.1", **headers: str) -> aiohttp.ClientResponse:
        async with self.client.get(self.base + path, headers={"X-Forwarded-For": address, **headers}) as response:
            await response.read()
            return response

    def public(self, channel: str, name: str = "stream_status") -> str:
        return f"/api/pub/public/v1/orgs/{self.organization}/channels/{channel}/conference/{name}"


@pytest.fixture
async def site(store: Store, provider: MemoryProvider, viewers: MemoryViewers, tasks: Tasks) -> AsyncIterator[Site]:
    proxies = (ip_network("127.0.0.1"),)
    ports = Ports(
        store, viewers, provider, MEETING_SIGNER, tasks.spawn, MemoryBus(), trusted_proxies=proxies, guess_limits=LIMITS
    )
    async with assembled(ports) as conference:
        issued = await conference.accounts.create_token(organization := uuid4(), uuid4())
        answer = conference.public.answer
        async with serving(build_app(conference.api), answer, "127.0.0.1", 0, spawn=tasks.spawn) as port:
            async with aiohttp.ClientSession() as client:
                yield Site(client, f"http://127.0.0.1:{port}", str(organization), issued.secret)


async def channel(site: Site) -> str:
    path = f"{site.base}/api/pub/v1/orgs/{site.organization}/channels"
    headers = {"Authorization": f"Token {site.token}"}
    async with site.client.post(path, json={"name": "A"}, headers=headers) as response:
        return str((await response.json())["id"])


NAMES = ["stream_status", "stream_viewer_count", "stream_events", "stream_player"]


@pytest.mark.parametrize("name", NAMES)
async def test_unknown_channels_are_a_429_after_some(site: Site, name: str) -> None:
    answers = [await site.get(site.public(str(uuid4()), name)) for _ in range(5)]
    assert [answer.status for answer in answers] == [404, 404, 404, 429, 429]
    assert int(answers[-1].headers["Retry-After"]) >= 1
    assert answers[-1].headers["Access-Control-Allow-Origin"] == "*"


async def test_all_public_addresses_share_the_limit(site: Site) -> None:
    paths = [site.public(str(uuid4()), name) for name in NAMES]
    watch = f"/watch/{site.organization}/{uuid4()}"
    assert [(await site.get(path)).status for path in [watch, *paths]] == [404, 404, 404, 429, 429]


async def test_a_right_id_from_the_same_address_is_answered(site: Site) -> None:
    known = await channel(site)
    for _ in range(5):
        await site.get(site.public(str(uuid4())))
    assert (await site.get(site.public(known))).status == 200
    assert (await site.get(site.public(known, "stream_viewer_count"))).status == 200
    assert (await site.get(site.public(str(uuid4())))).status == 429


async def test_other_addresses_are_not_limited_with_it(site: Site) -> None:
    async def guess(address: str) -> int:
        return (await site.get(site.public(str(uuid4())), address=address)).status

    assert [await guess("2001:db8::1") for _ in range(4)] == [404, 404, 404, 429]
    assert await guess("2001:db8::ffff:2") == 429
    assert await guess("2001:db8:0:1::1") == 404
    assert await guess("192.0.2.2") == 404


async def test_bad_tokens_are_a_429_after_some_and_good_ones_are_not(site: Site) -> None:
    async def me(authorization: str) -> int:
        return (await site.get("/api/v5/users/me", Authorization=authorization)).status

    assert [await me(f"Token {uuid4().hex}") for _ in range(4)] == [401, 401, 401, 429]
    assert await me("Bearer nonsense") == 429
    assert await me(f"Token {site.token}") == 200
    assert (await site.get("/api/v5/users/me")).status == 401


async def test_unknown_organizations_are_limited_where_visitors_get_their_identity(site: Site) -> None:
    async def identify(organization: str) -> int:
        async with site.client.post(f"{site.base}/api/v5/public/orgs/{organization}/auth", json={}) as response:
            return response.status

    assert [await identify(str(uuid4())) for _ in range(5)] == [404, 404, 404, 429, 429]
    assert await identify(site.organization) == 200


async def test_other_things_that_are_not_there_are_not_guesses(site: Site) -> None:
    paths = ["/nowhere", f"/{uuid4().hex}/manifest/video.m3u8"]
    assert [(await site.get(path)).status for path in paths * 5] == [404] * 10
