"""POST /api/v5/public/orgs/<org>/auth, and what its token is good for."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import pytest

from service.api.realtime.sockets import SOCKET
from service.viewers.memory import MemoryViewers
from tests.api.conftest import Api
from tests.waiting import until

MEMBERS = {
    "visitor_id", "visitor_secret_id", "organization_id", "socket_url", "access_token", "expires_at", "expires_in",
    "minimal_bar_version",
}  # fmt: skip


async def auth(api: Api, body: Any = None, organization: Any = None) -> tuple[int, Any]:
    path = f"/api/v5/public/orgs/{organization or api.organization}/auth"
    async with api.client.post(path, json=body) as response:
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        assert response.headers["Cache-Control"] == "no-store"
        return response.status, await response.json()


async def test_a_new_visitor_gets_an_identity_without_credentials(api: Api) -> None:
    status, visitor = await auth(api, {"visitor_secret_id": None})
    assert (status, set(visitor)) == (200, MEMBERS)
    assert re.fullmatch("[0-9a-f]{32}", visitor["visitor_id"])
    assert re.fullmatch("[0-9a-f]{50}", visitor["visitor_secret_id"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", visitor["expires_at"])
    assert (visitor["organization_id"], visitor["expires_in"]) == (str(api.organization), 1800)
    socket = str(api.client.make_url(SOCKET)).replace("http", "ws", 1)
    assert (visitor["socket_url"], visitor["minimal_bar_version"]) == (socket, 3)


async def test_a_returning_visitor_is_the_same_one(api: Api) -> None:
    _, first = await auth(api, {})
    status, again = await auth(api, {"visitor_secret_id": first["visitor_secret_id"]})
    assert status == 200
    assert (again["visitor_id"], again["visitor_secret_id"]) == (first["visitor_id"], first["visitor_secret_id"])
    assert (await auth(api))[1]["visitor_id"] != first["visitor_id"]


@pytest.mark.parametrize("secret", ["", "x" * 50, "a" * 49, "a" * 51, 7, ["a" * 50]])
async def test_what_is_no_secret_is_refused(api: Api, secret: object) -> None:
    status, answer = await auth(api, {"visitor_secret_id": secret})
    assert (status, list(answer)) == (400, ["visitor_secret_id"])


async def test_an_unknown_organization_is_a_404(api: Api) -> None:
    assert await auth(api, {}, uuid4()) == (404, {"detail": "Not found."})
    assert await auth(api, {}, "acme") == (404, {"detail": "Not found."})


async def test_a_visitors_token_makes_a_viewer_and_nothing_more(api: Api, viewers: MemoryViewers) -> None:
    channel = await api.channel()
    _, live = await api.post(api.conference(channel) + "/create_stream")
    api.provider.connect(live["stream_uid"])
    api.provider.make_watchable(live["stream_uid"])
    _, visitor = await auth(api, {})
    headers = {"Authorization": f"Bearer {visitor['access_token']}"}
    path = f"/api/pub/public/v1/orgs/{api.organization}/channels/{channel}/conference/stream_status"

    async def poll(**more: Any) -> None:
        async with api.client.get(path, **more) as response:
            assert response.status == 200

    await poll()  # the channel is on the board now
    watched = api.board.find(str(api.organization), channel)
    assert watched is not None
    await until(lambda: watched.snapshot.status.is_watchable)
    await poll(headers=headers)
    await poll(headers=headers, params={"visitor_id": "ignored beside the token"})
    await poll(params={"visitor_id": visitor["visitor_id"]})  # the same visitor, by id alone
    assert (await viewers.count(live["stream_uid"], api.clock.unix_ms())).value == 1
    async with api.client.get(f"{api.base}/channels", headers=headers) as response:
        assert response.status == 401


async def test_a_token_of_another_organization_does_not_count(api: Api, viewers: MemoryViewers) -> None:
    other = await api.accounts.create_token(uuid4(), None)
    _, visitor = await auth(api, {}, other.token.organization_id)
    channel = await api.channel()
    _, live = await api.post(api.conference(channel) + "/create_stream")
    api.provider.connect(live["stream_uid"])
    api.provider.make_watchable(live["stream_uid"])
    path = f"/api/pub/public/v1/orgs/{api.organization}/channels/{channel}/conference/stream_status"
    for _ in range(2):
        async with api.client.get(path, headers={"Authorization": f"Bearer {visitor['access_token']}"}) as response:
            assert (response.status, response.headers["Cache-Control"]) == (200, "no-store")
            answer = await response.json()
            assert (answer["counted"], answer["not_counted_because"]) == (False, "invalid_token")
    assert (await viewers.count(live["stream_uid"], api.clock.unix_ms())).value == 0
