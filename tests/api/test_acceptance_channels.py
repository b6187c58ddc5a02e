"""The contract's acceptance checks (§7) on channels, members and messages: 4 to 22, 28 and 30."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests.api.conftest import Api
from tests.api.people import TIME, Person, first, newcomer, words

TUTORIAL: dict[str, Any] = {
    "version": 3,
    "chunks": [
        {"type": "text", "text": "A new order has arrived. Write to "},
        {"text": "orders@example.com", "kind": "email", "type": "link"},
        {"type": "text", "text": "\nif  it is\tnot yours.\n"},
    ],
}


@pytest.fixture
def ada(api: Api) -> Person:
    return first(api)


@pytest.fixture
async def bob(api: Api) -> Person:
    return await newcomer(api, "Bob Kahn")


async def test_4_a_get_with_a_content_type_and_no_body_is_answered(api: Api) -> None:
    headers = {**api.auth, "content-type": "application/json"}
    async with api.client.get(f"{api.base}/channels", headers=headers) as response:
        assert response.status == 200
        assert list(await response.json()) == ["next", "previous", "results"]


async def test_5_following_next_gives_120_channels_once_each(api: Api, ada: Person) -> None:
    for number in range(120):
        await ada.channel(f"{number}")
    origin = str(api.client.make_url("")).rstrip("/")
    ids, url = [], f"{origin}{api.base}/channels?ordering=-latest_message_created_at"
    while url:
        assert url.startswith(origin)
        assert "ordering=-latest_message_created_at" in url
        page = await ada.seen(url)
        ids += [each["id"] for each in page["results"]]
        url = page["next"]
    assert len(ids) == len(set(ids)) == 120


async def test_6_a_message_moves_its_channel_to_the_front(ada: Person) -> None:
    oldest = await ada.channel("oldest")
    for name in "abc":
        await ada.channel(name)
    message = await ada.say(oldest)
    channel = (await ada.seen("channels"))["results"][0]
    assert (channel["id"], channel["latest_message"]) == (oldest, message)
    assert channel["latest_message_created_at"] == message["created_at"]


async def test_7_ascending_is_the_exact_reverse_of_descending(ada: Person) -> None:
    for number in range(30):
        await ada.channel(f"{number}")
    up = await ada.all("channels?ordering=created_at&page_size=7")
    down = await ada.all("channels?ordering=-created_at&page_size=7")
    assert up == down[::-1]
    assert len(up) == 30


async def test_8_a_new_channel_stands_at_its_first_values(ada: Person) -> None:
    channel = await ada.made("channels", {"name": "News", "description": "What happens"})
    assert (channel["avatar_url"], channel["is_direct_message"], channel["latest_message"]) == (None, False, None)
    assert TIME.fullmatch(channel["latest_message_created_at"])
    assert channel["member_count"] == 1


async def test_9_a_channel_needs_a_name(ada: Person) -> None:
    assert await ada.post("channels", {}) == (400, {"name": ["This field is required."]})


async def test_10_patch_changes_what_is_sent_and_put_resets_the_rest(ada: Person) -> None:
    channel = await ada.channel("News", description="What happens", is_village=True)
    status, patched = await ada.patch(f"channels/{channel}", {"name": "Old news"})
    assert (status, patched["name"], patched["description"]) == (200, "Old news", "What happens")
    assert patched["updated_at"] > patched["created_at"]
    assert await ada.put(f"channels/{channel}", {"description": "x"}) == (400, {"name": ["This field is required."]})
    status, replaced = await ada.put(f"channels/{channel}", {"name": "News"})
    assert (status, replaced["name"], replaced["description"], replaced["is_village"]) == (200, "News", "", False)


async def test_11_the_tutorial_message_comes_back_exactly(api: Api, ada: Person) -> None:
    channel = await ada.channel()
    url = f"{api.base}/channels/{channel}/messages"
    async with api.client.post(url, headers=api.auth, json={"body": TUTORIAL}) as response:
        assert response.status == 201
        message, raw = await response.json(), await response.text()
    assert message["body"] == TUTORIAL
    assert '{"text":"orders@example.com","kind":"email","type":"link"}' in raw.replace('": ', '":').replace(", ", ",")
    assert TIME.fullmatch(message["created_at"])


async def test_12_an_external_view_is_kept(ada: Person) -> None:
    channel = await ada.channel()
    body = {**TUTORIAL, "externalView": {"url": "https://example.com/orders/1", "title": "Order"}}
    message = await ada.made(f"channels/{channel}/messages", {"body": body})
    assert message["body"] == body
    assert await ada.seen(f"channels/{channel}/messages/{message['id']}") == message


async def test_13_a_body_needs_a_known_version_and_nothing_else(ada: Person) -> None:
    path = f"channels/{await ada.channel()}/messages"
    for version in (1, 2, 3):
        assert (await ada.post(path, {"body": {"version": version}}))[0] == 201
    needed = ["This field is required."]
    assert await ada.post(path, {"body": {}}) == (400, {"body": {"version": needed}})
    assert await ada.post(path, {}) == (400, {"body": needed})
    status, answer = await ada.post(path, {"body": {"version": 9}})
    assert (status, list(answer["body"])) == (400, ["version"])


async def test_14_the_same_message_sent_again_is_one_message(ada: Person) -> None:
    path = f"channels/{await ada.channel()}/messages"
    mine = {"id": str(uuid4()), "body": TUTORIAL}
    first_time, again = await ada.post(path, mine), await ada.post(path, mine)
    assert (first_time[0], again) == (201, (200, first_time[1]))
    assert first_time[1]["id"] == mine["id"]
    assert [each["id"] for each in await ada.all(path)] == [mine["id"]]


@pytest.mark.parametrize(
    "chunk",
    [
        {"type": "audio", "url": "https://example.com/a.mp3", "title": "A"},
        {"type": "voice", "url": "https://example.com/a.ogg", "duration": 1.5},
        {"type": "mention", "text": "@Ada"},
        {"type": "external", "id": "1", "isInteraction": True, "name": "n", "url": "u", "initialHeight": None},
        {"type": "file", "url": "https://example.com/a", "name": "a", "size": "12"},
        {"type": "file", "url": "https://example.com/a", "name": "a", "size": 12},
        {"type": "hologram", "zebra": [1, {"b": 1, "a": 2.5}], "aardvark": "\u0000\U0001f600"},
    ],
)
async def test_15_chunks_of_every_kind_are_kept(ada: Person, chunk: dict[str, Any]) -> None:
    path = f"channels/{await ada.channel()}/messages"
    message = await ada.made(path, {"body": {"chunks": [chunk], "version": 3}})
    assert message["body"] == {"version": 3, "chunks": [chunk]}
    assert list(message["body"]["chunks"][0]) == list(chunk)
    assert (await ada.all(path))[0] == message


async def test_16_a_message_is_edited_by_its_sender_only(ada: Person, bob: Person) -> None:
    channel = await ada.channel()
    message = await bob.say(channel)
    path = f"channels/{channel}/messages/{message['id']}"
    assert (await ada.patch(path, {"body": words("forged")}))[0] == 403
    status, edited = await bob.patch(path, {"type": "user", "body": words("better")})
    assert (status, edited["is_edited"], edited["body"]) == (200, True, words("better"))
    assert edited["updated_at"] > message["updated_at"]
    assert await ada.seen(path) == edited


async def test_17_a_deleted_message_stays_in_its_place_without_its_body(ada: Person) -> None:
    channel = await ada.channel()
    message = await ada.say(channel)
    path = f"channels/{channel}/messages/{message['id']}"
    assert await ada.delete(path) == (204, None)
    deleted = await ada.seen(path)
    assert (deleted["type"], deleted["body"]) == ("deleted", {})
    assert (await ada.all(f"channels/{channel}/messages"))[0] == deleted
    assert (await ada.seen(f"channels/{channel}"))["latest_message"] == deleted


async def test_18_a_direct_channel_is_one_for_its_people_whoever_asks(ada: Person, bob: Person) -> None:
    answers = [
        await ada.post(f"users/{ada.id}/dm-channels", {"members": [bob.id]}),
        await ada.post(f"users/{ada.id}/dm-channels", {"members": [bob.id, ada.id, bob.id]}),
        await bob.post(f"users/{bob.id}/dm-channels", {"members": [ada.id]}),
    ]
    assert [status for status, _ in answers] == [201, 200, 200]
    assert len({channel["id"] for _, channel in answers}) == 1
    assert (answers[0][1]["type"], answers[0][1]["is_direct_message"], answers[0][1]["member_count"]) == (1, True, 2)


async def test_19_members_come_into_public_channels_but_not_into_direct_ones(
    api: Api, ada: Person, bob: Person
) -> None:
    direct, public = await ada.direct(bob), await ada.channel()
    carol = await newcomer(api)
    assert (await ada.post(f"channels/{direct}/members", {"member_id": carol.id}))[0] == 400
    status, member = await ada.post(f"channels/{public}/members", {"member_id": bob.id})
    assert (status, member["member_id"], member["channel"], member["is_admin"]) == (201, bob.id, public, False)
    assert member["member"]["full_name"] == "Bob Kahn"


async def test_20_what_is_said_after_somebody_saw_it_all_is_unread(ada: Person, bob: Person) -> None:
    channel = await ada.channel()
    await bob.say(channel)
    me = f"channels/{channel}/members/{ada.id}"
    assert (await ada.seen(me))["unread_message_count"] == 1
    soon = datetime.now(UTC) + timedelta(seconds=1)
    status, member = await ada.patch(me, {"last_seen_at": soon.isoformat(timespec="milliseconds")[:-6] + "Z"})
    assert (status, member["unread_message_count"]) == (200, 0)
    assert member["last_seen_at"].startswith(soon.isoformat(timespec="milliseconds")[:-6])
    await bob.say(channel)
    assert (await ada.seen(me))["unread_message_count"] == 1


async def test_21_notification_settings_are_there_from_the_beginning_and_have_two_spellings(ada: Person) -> None:
    path = f"channels/{await ada.channel()}/members/{ada.id}/notification_settings"
    assert (await ada.seen(path))["mode"] == "unmuted"
    assert (await ada.patch(path, {"mode": "muted"}))[1]["mode"] == "muted"
    assert (await ada.patch(path, {"muted": "mentions"}))[1]["mode"] == "mentions"
    status, answer = await ada.patch(path, {"mode": "x"})
    assert (status, list(answer)) == (400, ["mode"])
    assert (await ada.seen(path))["mode"] == "mentions"


async def test_22_joined_channels_carry_what_is_unread_and_the_settings(ada: Person, bob: Person) -> None:
    channel = await ada.channel()
    await bob.say(channel, notify_users=[ada.id])
    await bob.say(channel)
    joined = await ada.all(f"users/{ada.id}/joined-channels?is_active=true")
    assert [each["id"] for each in joined] == [channel]
    assert (joined[0]["unread_message_count"], joined[0]["unread_mention_count"]) == (2, 1)
    assert joined[0]["member_notification_settings"]["mode"] == "unmuted"
    assert await ada.seen(f"users/{ada.id}/joined-channels/{channel}") == joined[0]


async def test_28_another_organization_comes_nowhere(api: Api, ada: Person, bob: Person) -> None:
    channel = await ada.channel()
    message = await ada.say(channel)
    other = uuid4()
    stranger = await newcomer(api, "Eve", other)
    places = [
        "channels",
        f"channels/{channel}",
        f"channels/{channel}/messages",
        f"channels/{channel}/messages/{message['id']}",
        f"channels/{channel}/members",
        f"channels/{channel}/members/{ada.id}",
        f"channels/{channel}/members/{ada.id}/notification_settings",
        f"users/{ada.id}/joined-channels",
        f"users/{ada.id}/dm-channels",
    ]
    for place in places:
        assert (await stranger.get(place))[0] == 403, place
    home = f"/api/pub/v1/orgs/{other}"
    for place in places[1:7]:
        assert await stranger.get(f"{home}/{place}") == (404, {"detail": "Not found."}), place
    assert (await stranger.post(f"{home}/channels/{channel}/messages", {"body": words("x")}))[0] == 404
    assert (await stranger.patch(f"{home}/channels/{channel}", {"name": "mine"}))[0] == 404
    assert (await stranger.delete(f"{home}/channels/{channel}"))[0] == 404
    body = {"members": [ada.id]}
    assert (await stranger.post(f"{home}/users/{stranger.id}/dm-channels", body))[0] == 400


async def test_30_a_preflight_from_a_foreign_origin_is_allowed(api: Api) -> None:
    asked = {
        "Origin": "https://shop.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    async with api.client.options(f"{api.base}/channels", headers=asked) as response:
        assert response.status in (200, 204)
        allowed = response.headers["Access-Control-Allow-Headers"].lower()
        assert "authorization" in allowed and "content-type" in allowed
        assert response.headers["Access-Control-Allow-Origin"] == "*"
