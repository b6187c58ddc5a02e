"""The real-time API: subscribe to a path, receive its changes, resume."""

from __future__ import annotations

from providers.base import InputUid
from service.api.realtime.sockets import SOCKET
from tests.api.conftest import Api
from tests.api.people import Person, new_user
from tests.api.realtime import quiet, socket_of


async def test_a_message_arrives_as_a_change_of_the_channels_messages(api: Api, ada: Person) -> None:
    channel = await ada.channel()
    path = f"{api.base}/channels/{channel}/messages"
    async with socket_of(api.client) as socket:
        start = await socket.subscribed(path, f"Token {ada.token}")
        message = await ada.say(channel, "Grüße")
        change = await socket.change()
        assert list(change) == ["channel", "action", "resource_id", "resource", "id"]
        assert change["id"] > start
        assert (change["channel"], change["action"], change["resource_id"]) == (path, "added", message["id"])
        assert change["resource"] == message
        await ada.patch(f"{path}/{message['id']}", {"body": message["body"]})
        edited = await socket.change()
        assert edited["action"] == "changed" and edited["id"] > change["id"]
        assert set(edited["resource"]) == {"id", "body", "is_edited", "updated_at"}


async def test_a_resource_has_its_own_channel(api: Api, ada: Person) -> None:
    channel = await ada.channel()
    first, second = await ada.say(channel), await ada.say(channel)
    path = f"{api.base}/channels/{channel}/messages/{second['id']}"
    async with socket_of(api.client) as socket:
        await socket.subscribed(path, ada.token)
        for message in (first, second):
            await ada.delete(f"channels/{channel}/messages/{message['id']}")
        change = await socket.change()
        assert (change["channel"], change["resource_id"]) == (path, second["id"])
        assert change["resource"]["type"] == "deleted"
        await quiet(socket, path, ada.token)


async def test_since_replays_what_was_missed_and_goes_on(api: Api, ada: Person) -> None:
    channel = await ada.channel()
    path = f"{api.base}/channels/{channel}/messages"
    async with socket_of(api.client) as socket:
        since = await socket.subscribed(path, ada.token)
    missed = [await ada.say(channel, str(number)) for number in range(5)]
    async with socket_of(api.client) as socket:
        assert await socket.subscribed(path, ada.token, since=since) == since
        assert [each["resource_id"] for each in await socket.changes(5)] == [each["id"] for each in missed]
        more = await ada.say(channel)
        assert (await socket.change())["resource_id"] == more["id"]


async def test_the_form_of_2015_is_understood(api: Api, ada: Person) -> None:
    channel = await ada.channel()
    path = f"{api.base}/channels/{channel}/messages"
    async with socket_of(api.client) as socket:
        await socket.send(["sub", [path, "wrong"], {"query": 1}])
        refusal = await socket.receive()
        assert refusal[:2] == ["__qr__", [[]]] and refusal[2]["query"] == 1 and refusal[2]["fail"] is True
        await socket.send(["sub", [path, ada.token], {"query": 123}])
        name, answer, options = await socket.receive()
        assert (name, answer, options["query"]) == ("__qr__", [[]], 123) and "fail" not in options
        message = await ada.say(channel)
        name, (where, change) = await socket.receive()
        assert (name, where, change["action"], change["resourceId"]) == ("changed", path, "added", message["id"])
        assert change["resource"] == message


async def test_messagerouter_gives_the_address_and_a_token(api: Api, ada: Person) -> None:
    channel = await ada.channel()
    router = await ada.seen("/api/v5/messagerouter")
    assert list(router) == ["url", "permission_token", "expires_at", "expires_in"]
    assert router["url"] == str(api.client.make_url(SOCKET)).replace("http", "ws", 1)
    async with api.client.session.ws_connect(router["url"]) as websocket:
        await websocket.send_json(
            {"action": "subscribe", "channel": f"{api.base}/channels/{channel}", "token": router["permission_token"]}
        )
        assert (await websocket.receive_json())["action"] == "subscribed"
    refused = {"Authorization": f"Bearer {router['permission_token']}"}
    async with api.client.get("/api/v5/users/me", headers=refused) as response:
        assert response.status == 401


async def test_a_request_without_upgrade_says_what_this_is(api: Api) -> None:
    async with api.client.get(SOCKET) as response:
        assert response.status == 426 and response.headers["Upgrade"] == "websocket"
        assert "WebSocket" in (await response.json())["detail"]


async def test_joined_channels_carry_each_users_unread_counts(api: Api, ada: Person, bob: Person) -> None:
    channel = await ada.channel(members=[bob.id])
    of_ada, of_bob = (f"{api.base}/users/{each.id}/joined-channels" for each in (ada, bob))
    async with socket_of(api.client) as socket:
        since = await socket.subscribed(of_ada, ada.token)
        await socket.subscribed(f"{of_bob}/{channel}", bob.token)
        said = await ada.say(channel, "hello", notify_users=[bob.id])
        changes = {each["channel"]: each for each in await socket.changes(2)}
        for path, unread in ((of_ada, 0), (f"{of_bob}/{channel}", 1)):
            assert changes[path]["resource_id"] == channel and changes[path]["action"] == "changed"
            assert changes[path]["resource"] == {
                "id": channel,
                "latest_message": said,
                "latest_message_created_at": said["created_at"],
                "unread_message_count": unread,
                "unread_mention_count": unread,
            }
        await bob.patch(f"channels/{channel}/members/{bob.id}", {"last_seen_at": "2100-01-01T00:00:00Z"})
        seen = await socket.change()
        assert seen["channel"] == f"{of_bob}/{channel}"
        assert (seen["resource"]["unread_message_count"], seen["resource"]["unread_mention_count"]) == (0, 0)
        await quiet(socket, of_ada, ada.token)
    async with socket_of(api.client) as again:
        await again.subscribed(of_ada, ada.token, since=since)
        assert (await again.change())["resource"]["latest_message"] == said


async def test_a_new_direct_channel_appears_for_its_members_only(api: Api, ada: Person, bob: Person) -> None:
    eve = await new_user(api, "Eve")
    async with socket_of(api.client) as socket, socket_of(api.client) as of_eve:
        for path in ("joined-channels", "dm-channels"):
            await socket.subscribed(f"{api.base}/users/{bob.id}/{path}", bob.token)
            await of_eve.subscribed(f"{api.base}/users/{eve.id}/{path}", eve.token)
        channel = await ada.direct(bob)
        changes = {each["channel"].rpartition("/")[2]: each for each in await socket.changes(2)}
        assert {each["resource_id"] for each in changes.values()} == {channel}
        joined = changes["joined-channels"]["resource"]
        assert joined == (await bob.seen(f"users/{bob.id}/joined-channels/{channel}"))
        await quiet(of_eve, f"{api.base}/users/{eve.id}/dm-channels", eve.token)


async def test_members_settings_notifications_and_conferences_are_covered(api: Api, ada: Person, bob: Person) -> None:
    channel = await ada.channel()
    room = f"{api.base}/channels/{channel}"
    async with socket_of(api.client) as socket:
        await socket.subscribed(f"{room}/members", ada.token)
        member = await ada.made(f"channels/{channel}/members", {"member_id": bob.id})
        change = await socket.change()
        assert (change["action"], change["resource_id"], change["resource"]) == ("added", bob.id, member)
        settings = f"{room}/members/{bob.id}/notification_settings"
        await socket.subscribed(settings, bob.token)
        await bob.patch(settings, {"mode": "mentions"})
        changed = await socket.change()
        assert (changed["channel"], changed["resource"]["mode"]) == (settings, "mentions")
        await socket.subscribed(f"{api.base}/users/{bob.id}/notifications", bob.token)
        said = await ada.say(channel, "hello", notify_users=[bob.id])
        notification = await socket.change()
        assert (notification["action"], notification["resource"]["message_id"]) == ("added", said["id"])
        await socket.subscribed(f"{api.base}/users/{ada.id}/active_conferences", ada.token)
        await ada.say(channel, type="call_request")
        call = await socket.change()
        assert (call["action"], call["resource_id"]) == ("added", channel)
        assert call["resource"]["participant_count"] == 1


async def test_visitors_receive_changes_of_the_status_and_users_what_lies_behind_them(api: Api, ada: Person) -> None:
    channel = await ada.channel()
    conference = f"{api.base}/channels/{channel}/conference"
    public = f"{api.public(channel)}/stream_status"
    async with socket_of(api.client) as visitor, socket_of(api.client) as user:
        await visitor.subscribed(public)
        for path in (f"{conference}/create_stream", f"{api.base}/conference/streams", f"{conference}/stream_sessions"):
            await user.subscribed(path, ada.token)
        made = await ada.made(f"channels/{channel}/conference/create_stream")
        added = {each["channel"]: each for each in await user.changes(2)}
        stream = added[f"{conference}/create_stream"]
        assert (stream["action"], stream["resource_id"]) == ("added", made["stream_uid"])
        assert "stream_key" not in stream["resource"]
        assert added[f"{api.base}/conference/streams"]["resource"]["channel"] == channel
        for happens, state in ((api.provider.connect, "connecting"), (api.provider.make_watchable, "live")):
            happens(InputUid(made["stream_uid"]))
            status = await visitor.change()
            assert (status["channel"], status["action"], status["resource"]["state"]) == (public, "changed", state)
        seen = [await user.change()]
        while seen[-1]["channel"] != f"{conference}/stream_sessions":
            seen.append(await user.change())
        assert seen[-1]["action"] == "added" and seen[0]["resource"]["state"] == "connecting"
