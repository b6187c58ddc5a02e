"""Who may subscribe, and when a subscription ends: exactly as for a GET of the path, at every time."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import update

from service.api.event_forms import NOTIFICATIONS
from service.api.realtime.paths import COVERED
from service.api.stream_changes import BROADCAST_EVENTS
from service.store import tables
from service.wiring.domain import Conference
from tests.api.conftest import Api
from tests.api.people import Person, new_user
from tests.api.realtime import quiet, socket_of

NO_GET = {NOTIFICATIONS, BROADCAST_EVENTS}
"""Covered paths that are events only."""


async def test_each_path_is_permitted_as_its_get_is(api: Api, ada: Person, bob: Person) -> None:
    stranger = await new_user(api, organization=uuid4())
    open_channel, closed = await ada.channel(), await ada.channel(is_private=True)
    direct = await ada.direct(bob)
    people = {"ada": ada.token, "bob": bob.token, "stranger": stranger.token}
    own = await api.accounts.create_token(api.organization, None)
    people |= {"organization": own.secret, "wrong": "wrong"}
    paths = []
    for channel in (open_channel, closed, direct, str(uuid4())):
        await ada.post(f"channels/{channel}/conference/create_stream")
        _, said = await ada.post(f"channels/{channel}/messages", {"body": {"version": 3}})
        names = {
            "organization_id": str(api.organization),
            "channel_id": channel,
            "joined_id": channel,
            "message_id": (said or {}).get("id") or str(uuid4()),
        }
        for user in (ada.id, bob.id):
            paths += [each.format(**names, member_id=user, user_id=user) for each in COVERED if each not in NO_GET]
    async with socket_of(api.client) as socket:
        for path in dict.fromkeys(paths):
            for name, token in people.items():
                answer = await socket.subscribe(path, token)
                status = 200 if answer["action"] == "subscribed" else answer["status"]
                headers = {"Authorization": f"Token {token}"}
                async with api.client.get(path, headers=headers) as response:
                    body = await response.json()
                    if path.endswith(("create_stream", "stream_health")) and body == {"detail": "There is no stream."}:
                        assert status == 200
                        continue
                    assert (path, name, status) == (path, name, response.status)
                    if status != 200:
                        assert answer["error"] == body


async def test_a_removed_member_receives_nothing_more(api: Api, ada: Person, bob: Person) -> None:
    channel = await ada.channel(is_private=True, members=[bob.id])
    path = f"{api.base}/channels/{channel}/messages"
    async with socket_of(api.client) as socket:
        await socket.subscribed(path, bob.token)
        first = await ada.say(channel)
        assert (await socket.change())["resource_id"] == first["id"]
        await ada.delete(f"channels/{channel}/members/{bob.id}")
        await ada.say(channel)
        ended = await socket.receive()
        assert ended == {"action": "unsubscribed", "channel": path, "status": 404, "error": {"detail": "Not found."}}
        again = await socket.subscribe(path, bob.token)
        assert (again["action"], again["status"]) == ("refused", 404)


async def test_a_channel_made_private_is_for_its_members_only(api: Api, ada: Person, bob: Person) -> None:
    channel = await ada.channel()
    path = f"{api.base}/channels/{channel}/messages"
    async with socket_of(api.client) as of_ada, socket_of(api.client) as of_bob:
        await of_ada.subscribed(path, ada.token)
        await of_bob.subscribed(path, bob.token)
        await ada.patch(f"channels/{channel}", {"is_private": True})
        said = await ada.say(channel)
        assert (await of_ada.change())["resource_id"] == said["id"]
        assert (await of_bob.receive())["action"] == "unsubscribed"


async def test_subscriptions_end_with_the_channel(api: Api, ada: Person) -> None:
    channel = await ada.channel()
    paths = [f"{api.base}/channels/{channel}/messages", f"{api.public(channel)}/stream_status"]
    async with socket_of(api.client) as socket:
        for path in paths:
            await socket.subscribed(path, ada.token)
        await ada.delete(f"channels/{channel}")
        ended = [await socket.receive() for _ in paths]
        assert {each["channel"] for each in ended} == set(paths)
        assert {(each["action"], each["status"]) for each in ended} == {("unsubscribed", 404)}


@pytest.mark.parametrize("is_private", [False, True])
async def test_a_deleted_channel_leaves_every_list_also_after_a_reconnect(
    api: Api, ada: Person, bob: Person, is_private: bool
) -> None:
    eve = await new_user(api, "Eve")
    channel = await ada.channel(is_private=is_private, members=[bob.id])
    stream = await ada.made(f"channels/{channel}/conference/create_stream")
    lists = {
        f"{api.base}/channels": channel,
        f"{api.base}/conference/streams": stream["stream_uid"],
        f"{api.base}/users/{bob.id}/joined-channels": channel,
    }
    removed = {(path, "removed", id_) for path, id_ in lists.items()}
    async with socket_of(api.client) as of_bob, socket_of(api.client) as of_eve:
        since = {path: await of_bob.subscribed(path, bob.token) for path in lists}
        await of_bob.subscribed(f"{api.base}/channels/{channel}", bob.token)
        await of_eve.subscribed(f"{api.base}/channels", eve.token)
        assert (await ada.delete(f"channels/{channel}"))[0] == 204
        received = [await of_bob.receive() for _ in range(5)]
        (ended,) = [each for each in received if each["action"] == "unsubscribed"]
        assert ended["channel"] == f"{api.base}/channels/{channel}"
        changes = [each for each in received if each is not ended]
        assert all("resource" not in each for each in changes)
        seen = {(each["channel"], each["action"], each["resource_id"]) for each in changes}
        assert seen == removed | {(f"{api.base}/channels/{channel}", "removed", channel)}
        if is_private:
            await quiet(of_eve, f"{api.base}/channels", eve.token)
        else:
            assert (await of_eve.change())["action"] == "removed"
    async with socket_of(api.client) as again:
        for path, id_ in lists.items():
            await again.subscribed(path, bob.token, since=since[path])
            change = await again.change()
            assert (change["channel"], change["action"], change["resource_id"]) == (path, "removed", id_)


async def test_private_channels_are_in_the_list_of_members_only(api: Api, ada: Person, bob: Person) -> None:
    path = f"{api.base}/channels"
    async with socket_of(api.client) as of_ada, socket_of(api.client) as of_bob:
        await of_ada.subscribed(path, ada.token)
        await of_bob.subscribed(path, bob.token)
        secret, news = await ada.channel("Secret", is_private=True), await ada.channel("News")
        assert [each["resource_id"] for each in await of_ada.changes(2)] == [secret, news]
        assert (await of_bob.change())["resource_id"] == news


async def test_the_list_of_streams_follows_the_names_and_the_readers_of_channels(
    api: Api, ada: Person, bob: Person
) -> None:
    path, channel = f"{api.base}/conference/streams", await ada.channel("Before")
    stream = await ada.made(f"channels/{channel}/conference/create_stream")
    await ada.made(f"channels/{channel}/members", {"member_id": bob.id})
    async with socket_of(api.client) as hers, socket_of(api.client) as guests:
        stranger = await new_user(api, "Eve")
        await hers.subscribed(path, bob.token)
        await guests.subscribed(path, stranger.token)
        await ada.patch(f"channels/{channel}", {"name": "After"})
        renamed = {"uid": stream["stream_uid"], "channel_name": "After"}
        for each in (hers, guests):
            change = await each.change()
            assert (change["action"], change["resource_id"], change["resource"]) == (
                "changed",
                stream["stream_uid"],
                renamed,
            )
        await ada.patch(f"channels/{channel}", {"is_private": True})
        assert [each["action"] for each in await hers.changes(2)] == ["removed", "added"]
        assert (await guests.change())["action"] == "removed"
        await ada.patch(f"channels/{channel}", {"is_private": False, "name": "Open"})
        added = await guests.change()
        listed = (await stranger.seen("conference/streams"))["results"][0]
        assert (added["action"], added["resource"]) == ("added", listed)
        assert [each["action"] for each in await hers.changes(2)] == ["removed", "added"]
        await ada.patch(f"channels/{channel}", {"is_private": True})
        assert [each["action"] for each in await hers.changes(2)] == ["removed", "added"]
        assert (await guests.change())["action"] == "removed"
        await ada.delete(f"channels/{channel}/members/{bob.id}")
        left = await hers.change()
        assert (left["action"], left["resource_id"]) == ("removed", stream["stream_uid"])


async def test_a_revoked_token_ends_its_subscriptions(api: Api, ada: Person) -> None:
    channel = await ada.channel()
    path = f"{api.base}/channels/{channel}/messages"
    issued = await api.accounts.create_token(api.organization, api.user)
    async with api.client.get("/api/v5/messagerouter", headers={"Authorization": f"Token {issued.secret}"}) as response:
        permission = (await response.json())["permission_token"]
    async with socket_of(api.client) as socket:
        await socket.subscribed(path, issued.secret)
        await socket.subscribed(f"{api.base}/channels", permission)
        await socket.subscribed(f"{api.base}/channels/{channel}", ada.token)
        await api.accounts.revoke_token(issued.token.id)
        ended = [await socket.receive(), await socket.receive()]
        assert {each["channel"] for each in ended} == {path, f"{api.base}/channels"}
        assert {(each["action"], each["status"]) for each in ended} == {("unsubscribed", 401)}
        refused = await socket.subscribe(path, permission)
        assert (refused["status"], refused["error"]) == (401, {"detail": "Invalid token."})
        await quiet(socket, path, ada.token)


async def test_a_deleted_user_receives_nothing_more(api: Api, ada: Person, bob: Person) -> None:
    path = f"{api.base}/channels"
    async with socket_of(api.client) as socket:
        await socket.subscribed(path, bob.token)
        gone = (
            update(tables.users).where(tables.users.c.id == UUID(bob.id)).values(deleted_at=tables.users.c.created_at)
        )
        await api.store.database.write(lambda connection: connection.execute(gone))
        ended = await socket.receive()
        assert (ended["action"], ended["error"]) == ("unsubscribed", {"detail": "User inactive or deleted."})


async def test_an_access_token_ends_when_it_expires(api: Api, ada: Person) -> None:
    path = f"{api.base}/channels"
    bearer = await api.accounts.issue_bearer(api.organization, api.user, lifetime=2)
    async with socket_of(api.client) as socket:
        await socket.subscribed(path, f"Bearer {bearer}")
        ended = await socket.receive()
        assert (ended["status"], ended["error"]) == (401, {"detail": "Token has expired."})


async def test_a_subscription_goes_on_with_a_new_token(api: Api, ada: Person) -> None:
    channel = await ada.channel()
    path = f"{api.base}/channels/{channel}/messages"
    bearer = await api.accounts.issue_bearer(api.organization, api.user, lifetime=2)
    async with socket_of(api.client) as socket:
        await socket.subscribed(path, bearer)
        await socket.subscribed(path, ada.token)
        await asyncio.sleep(6)
        said = await ada.say(channel)
        assert (await socket.change())["resource_id"] == said["id"]


async def test_visitors_subscribe_to_public_paths_only(api: Api, ada: Person) -> None:
    channel = await ada.channel(is_private=True)
    async with api.client.post(f"/api/v5/public/orgs/{api.organization}/auth") as response:
        visitor: Any = await response.json()
    async with api.client.session.ws_connect(visitor["socket_url"]) as websocket:
        for token in (visitor["access_token"], "expired", None):
            await websocket.send_json(
                {"action": "subscribe", "channel": f"{api.public(channel)}/stream_status", "token": token}
            )
            assert (await websocket.receive_json())["action"] == "subscribed"
        request = {"action": "subscribe", "channel": f"{api.base}/channels", "token": visitor["access_token"]}
        await websocket.send_json(request)
        assert (await websocket.receive_json())["status"] == 401
        await websocket.send_json({"action": "subscribe", "channel": f"{api.base}/channels"})
        answer = await websocket.receive_json()
        assert answer["error"] == {"detail": "Authentication credentials were not provided."}


async def test_wrong_tokens_are_limited_by_address(api: Api, ada: Person, conference: Conference) -> None:
    path = f"{api.base}/channels"
    async with socket_of(api.client) as socket:
        statuses = [(await socket.subscribe(path, "wrong"))["status"] for _ in range(220)]
        assert set(statuses) == {401, 429} and statuses[199] == 401
        assert (await socket.subscribe(path, ada.token))["action"] == "subscribed"
