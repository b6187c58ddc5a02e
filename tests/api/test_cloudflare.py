"""The API on Cloudflare (the fake): what its request limit and its outages look like to API users."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from providers.cloudflare.config import CloudflareConfig
from providers.cloudflare.provider import CloudflareProvider
from service.concurrency.tasks import Tasks
from tests.api.conftest import Api
from tests.contract.fake_cloudflare import FakeCloudflare, fake_cloudflare

MANY = 10_000


@pytest.fixture
async def fake() -> AsyncIterator[FakeCloudflare]:
    async with fake_cloudflare() as fake:
        yield fake


@pytest.fixture
async def provider(fake: FakeCloudflare, tasks: Tasks) -> AsyncIterator[CloudflareProvider]:
    config = CloudflareConfig(fake.config.account_id, fake.config.api_token, fake.base_url)
    cloudflare = CloudflareProvider(config, tasks.spawn, clock=fake.clock.now)
    await cloudflare.start()
    yield cloudflare
    await cloudflare.aclose()


async def test_reading_all_the_time_leaves_another_organization_its_creates(api: Api, fake: FakeCloudflare) -> None:
    channel = await api.channel()
    path = f"{api.conference(channel)}/create_stream"
    assert (await api.post(path))[0] == 201
    for _ in range(200):
        assert (await api.get(path))[0] == 200
        assert (await api.post(path))[0] == 200
        assert (await api.get(f"{api.conference(channel)}/recorded_streams"))[0] == 200
    other = await api.organization_beside()
    for number in range(15):
        channel = await other.channel(f"Channel {number}")
        assert (await other.post(f"{other.conference(channel)}/create_stream"))[0] == 201


async def test_an_organization_above_its_share_reads_why_and_when_to_come_back(api: Api, fake: FakeCloudflare) -> None:
    async def read(number: int) -> tuple[int, str, int]:
        path = f"{api.base}/conference/recorded_streams/{number:032x}"
        async with api.client.get(path, headers=api.auth) as response:
            return response.status, (await response.json())["detail"], int(response.headers.get("Retry-After", 0))

    answers = await asyncio.gather(*(read(number) for number in range(150)))
    assert {status for status, _, _ in answers} == {404, 429}
    for status, detail, retry_after in answers:
        assert status == 404 or ("Your organization has used its share" in detail and retry_after > 1)
    other = await api.organization_beside()
    channel = await other.channel()
    assert (await other.post(f"{other.conference(channel)}/create_stream"))[0] == 201


async def test_in_an_outage_the_last_good_answers_come_marked(api: Api, fake: FakeCloudflare) -> None:
    channel = await api.channel()
    stream, recordings = (f"{api.conference(channel)}/{each}" for each in ("create_stream", "recorded_streams"))
    created = (await api.post(stream))[1]
    listed = (await api.get(recordings))[1]
    async with api.client.get(stream, headers=api.auth) as response:
        assert "X-Degraded" not in response.headers
    await fake.admin("/faults", kind="reset", times=MANY)
    await fake.advance(200)
    for method, path, known in (("GET", stream, created), ("POST", stream, created), ("GET", recordings, listed)):
        async with api.client.request(method, path, headers=api.auth) as response:
            assert (response.status, await response.json()) == (200, known)
            assert response.headers["X-Degraded"] == "true"
            assert int(response.headers["Age"]) >= 0
    async with api.client.post(stream, headers=api.auth, json={"reconnect_timeout": 77}) as response:
        assert (response.status, await response.json()) == (503, {"detail": "The stream provider does not answer."})
        assert int(response.headers["Retry-After"]) >= 5
    async with api.client.get("/readyz") as response:
        assert (await response.json())["checks"]["provider"] == "unavailable"


async def test_an_input_deleted_at_cloudflare_goes_from_the_list_with_the_first_answer(
    api: Api, fake: FakeCloudflare
) -> None:
    channel = await api.channel()
    uid = (await api.post(f"{api.conference(channel)}/create_stream"))[1]["stream_uid"]
    streams = f"{api.base}/conference/streams"
    assert [each["uid"] for each in (await api.get(streams))[1]["results"]] == [uid]
    await fake.api("DELETE", f"/live_inputs/{uid}")
    await fake.advance(5)
    assert (await api.get(f"{api.conference(channel)}/create_stream"))[0] == 404
    assert (await api.get(streams))[1]["results"] == []
    assert (await api.get(f"{api.public(channel)}/stream_player"))[0] == 404
