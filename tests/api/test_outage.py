"""The store becomes unavailable and comes back."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.api.conftest import Api
from tests.servers import PostgresServer


@pytest.fixture
def database_url(migrated_postgresql: str) -> str:
    """Only PostgreSQL can become unavailable."""
    return migrated_postgresql


@pytest.fixture
async def switch(postgres_server: PostgresServer) -> AsyncIterator[PostgresServer]:
    """PostgreSQL, running again when the test is over."""
    yield postgres_server
    postgres_server.stop()
    postgres_server.start()


async def test_without_the_store_it_is_a_503_with_retry_after(api: Api, switch: PostgresServer) -> None:
    channel = await api.channel()
    switch.stop()
    for path in ("/api/v5/users/me", f"{api.base}/channels/{channel}", f"{api.base}/conference/streams"):
        async with api.client.get(path, headers={"Authorization": "Token unknown"}) as response:
            assert response.status == 503
            assert int(response.headers["Retry-After"]) >= 1
    async with api.client.get("/readyz") as response:
        assert (response.status, (await response.json())["checks"]["store"]) == (503, "unavailable")
    async with api.client.get("/healthz") as response:
        assert response.status == 200


async def test_a_token_used_a_moment_ago_gets_a_503_too_not_a_500(api: Api, switch: PostgresServer) -> None:
    await api.get("/api/v5/users/me")
    switch.stop()
    status, body = await api.post(f"{api.base}/channels", {"name": "A"})
    assert (status, list(body)) == (503, ["detail"])


async def test_a_restart_of_the_store_is_got_over_at_the_first_request(api: Api, switch: PostgresServer) -> None:
    channel = await api.channel()
    switch.stop()
    switch.start()
    for _ in range(20):
        assert (await api.get(f"{api.base}/channels/{channel}"))[0] == 200
        assert (await api.post(api.conference(channel) + "/create_stream"))[0] in (200, 201)


async def test_it_recovers_from_an_outage_during_which_it_was_asked(api: Api, switch: PostgresServer) -> None:
    channel = await api.channel()
    switch.stop()
    assert (await api.get(f"{api.base}/channels/{channel}"))[0] == 503
    switch.start()
    assert (await api.get(f"{api.base}/channels/{channel}"))[0] == 200
