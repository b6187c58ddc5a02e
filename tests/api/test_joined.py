"""A user's own channels over HTTP: joined ones, direct ones, and what is left when a channel goes."""

from __future__ import annotations

import asyncio
import re
from uuid import uuid4

import pytest

from tests.api.conftest import Api
from tests.api.people import Person, new_user, words


async def test_two_users_that_open_their_direct_channel_at_once_get_one(ada: Person, bob: Person) -> None:
    answers = await asyncio.gather(
        *(me.post(f"users/{me.id}/dm-channels", {"members": [you.id]}) for me, you in [(ada, bob), (bob, ada)] * 6)
    )
    assert sorted(status for status, _ in answers) == [200] * 11 + [201]
    assert len({channel["id"] for _, channel in answers}) == 1


async def test_a_direct_channel_is_its_peoples_alone(api: Api, ada: Person, bob: Person) -> None:
    carol = await new_user(api)
    pair, trio = await ada.direct(bob), await ada.direct(bob, carol)
    assert pair != trio
    assert [each["id"] for each in await bob.all(f"users/{bob.id}/dm-channels")] == [trio, pair]
    assert [each["id"] for each in await carol.all(f"users/{carol.id}/dm-channels")] == [trio]
    assert (await bob.seen(f"users/{bob.id}/dm-channels/{pair}"))["type"] == 1
    assert await ada.all("channels") == []
    for place in (f"channels/{pair}", f"channels/{pair}/messages", f"users/{carol.id}/dm-channels/{pair}"):
        assert (await carol.get(place))[0] == 404
    for change in (carol.patch, bob.patch):
        assert (await change(f"channels/{pair}", {"name": "x"}))[0] in (403, 404)
    assert (await bob.delete(f"channels/{pair}/members/{bob.id}"))[0] == 403
    assert (await bob.delete(f"channels/{pair}"))[0] == 403


async def test_a_public_channel_is_no_direct_one(ada: Person) -> None:
    channel = await ada.channel()
    assert (await ada.get(f"users/{ada.id}/dm-channels/{channel}"))[0] == 404
    assert (await ada.get(f"users/{ada.id}/joined-channels/{channel}"))[0] == 200


async def test_a_direct_channel_needs_another_user(ada: Person) -> None:
    path = f"users/{ada.id}/dm-channels"
    unknown = str(uuid4())
    for members in ([], [ada.id], [unknown], ["x"], None):
        status, answer = await ada.post(path, {"members": members})
        assert (status, list(answer)) == (400, ["members"])
    assert await ada.post(path, {}) == (400, {"members": ["This field is required."]})


async def test_a_user_cannot_list_the_channels_of_another(ada: Person, bob: Person) -> None:
    channel = await ada.channel()
    for path in ("joined-channels", f"joined-channels/{channel}", "dm-channels", f"dm-channels/{channel}"):
        assert (await bob.get(f"users/{ada.id}/{path}"))[0] == 403
    assert (await bob.post(f"users/{ada.id}/dm-channels", {"members": [bob.id]}))[0] == 403


async def test_a_private_channel_can_be_joined_by_its_members_until_they_are_removed(
    api: Api, ada: Person, bob: Person
) -> None:
    private = await ada.channel("Staff", is_private=True, members=[bob.id])
    carol = await new_user(api)
    path = f"users/{bob.id}/joined-channels"
    found = await bob.seen(f"{path}/{private}")
    assert (found["type"], found["is_private"]) == (4, True)
    assert await bob.all(path) == [found]
    assert await carol.get(f"users/{carol.id}/joined-channels/{private}") == (404, {"detail": "Not found."})
    assert await ada.delete(f"channels/{private}/members/{bob.id}") == (204, None)
    assert await bob.get(f"{path}/{private}") == (404, {"detail": "Not found."})
    assert await bob.all(path) == await bob.all("channels") == []


async def test_members_stay_in_a_channel_that_becomes_private(api: Api, ada: Person, bob: Person) -> None:
    channel = await ada.channel(members=[bob.id])
    carol = await new_user(api)
    await ada.patch(f"channels/{channel}", {"is_private": True})
    assert [each["type"] for each in await bob.all(f"users/{bob.id}/joined-channels")] == [4]
    assert (await bob.seen(f"channels/{channel}"))["member_count"] == 2
    assert await carol.all("channels") == []


async def test_joined_channels_page_in_every_order(ada: Person, bob: Person) -> None:
    made = [await ada.channel(f"{number}") for number in range(5)]
    await bob.channel("not joined")
    direct = await ada.direct(bob)
    await bob.say(made[1])
    path = f"users/{ada.id}/joined-channels"

    async def ids(ordering: str) -> list[str]:
        return [each["id"] for each in await ada.all(f"{path}?ordering={ordering}&page_size=2")]

    assert await ids("created_at") == [*made, direct]
    assert await ids("-latest_message_created_at") == [made[1], direct, *made[4:1:-1], made[0]]
    assert await ids("latest_message_created_at") == (await ids(""))[::-1]
    assert await ada.all(f"{path}?is_active=false") == []
    assert len(await ada.all(f"{path}?is_active=True")) == 6


async def test_a_deleted_channel_is_gone_and_its_stream_ended(api: Api, ada: Person, bob: Person) -> None:
    channel = await ada.channel(members=[bob.id])
    stream = await ada.made(f"channels/{channel}/conference/create_stream")
    uid = stream["stream_uid"]
    api.provider.connect(uid)
    api.provider.make_watchable(uid)
    public = f"/api/pub/public/v1/orgs/{api.organization}/channels/{channel}/conference/stream_status"
    assert (await ada.get(public))[1]["is_connected"] is True
    assert await ada.delete(f"channels/{channel}") == (204, None)
    assert uid not in api.provider.input_uids
    for path in (f"channels/{channel}", f"channels/{channel}/messages", f"channels/{channel}/members"):
        assert (await ada.get(path))[0] == 404
    assert (await ada.post(f"channels/{channel}/messages", {"body": words("x")}))[0] == 404
    assert (await ada.post(f"channels/{channel}/conference/create_stream"))[0] == 404
    assert await ada.all("channels") == await bob.all(f"users/{bob.id}/joined-channels") == []
    assert await ada.all("conference/streams") == []
    assert (await ada.delete(f"channels/{channel}"))[0] == 404


async def test_recordings_of_a_deleted_channel_are_found_by_uid(api: Api, ada: Person, bob: Person) -> None:
    channel = await ada.channel("Staff", is_private=True)
    uid = (await ada.made(f"channels/{channel}/conference/create_stream"))["stream_uid"]
    api.provider.connect(uid)
    api.provider.make_watchable(uid)
    recording = api.provider.end(uid)
    assert recording is not None
    path = f"conference/recorded_streams/{recording.uid}"
    assert (await ada.seen(path))["uid"] == recording.uid
    assert (await bob.get(path))[0] == 404
    await ada.delete(f"channels/{channel}")
    assert (await ada.seen(path))["uid"] == recording.uid
    assert (await bob.get(path))[0] == 404, "bob was no member of the private channel"
    stranger = await new_user(api, "Eve", uuid4())
    assert (await stranger.get(path))[0] == 403
    other = f"/api/pub/v1/orgs/{(await stranger.seen('/api/v5/users/me'))['organization_id']}"
    assert (await stranger.get(f"{other}/{path}"))[0] == 404
    assert (await ada.get("conference/recorded_streams/" + "0" * 32))[0] == 404


async def test_a_stream_the_provider_could_not_end_is_ended_at_the_next_start(api: Api, ada: Person) -> None:
    channel = await ada.channel()
    await ada.made(f"channels/{channel}/conference/create_stream")
    api.provider.fail()
    assert (await ada.delete(f"channels/{channel}"))[0] == 204
    assert len(api.provider.input_uids) == 1
    api.provider.recover()
    assert await api.streams.reconcile() == 1
    assert api.provider.input_uids == []


async def test_a_channel_made_private_is_of_type_4_and_back(ada: Person, bob: Person) -> None:
    channel = await ada.channel()
    _, private = await ada.patch(f"channels/{channel}", {"is_private": True})
    assert (private["type"], private["is_private"]) == (4, True)
    assert (await bob.get(f"channels/{channel}"))[0] == 404
    _, public = await ada.put(f"channels/{channel}", {"name": "News", "avatar_url": "https://example.com/a.png"})
    assert (public["type"], public["is_private"], public["avatar_url"]) == (2, False, "https://example.com/a.png")


async def test_no_search_is_documented_that_would_not_be_made(api: Api) -> None:
    paths = (await (await api.client.get("/openapi.json")).json())["paths"]
    searched = {
        path.rpartition("/")[2]
        for path, operations in paths.items()
        if any(parameter["name"] == "search" for parameter in operations.get("get", {}).get("parameters", []))
    }
    assert searched == {"channels", "streams"}


LISTS = ("channels", "users/{me}/joined-channels", "users/{me}/dm-channels")


async def room_for(ada: Person, path: str, number: int) -> str:
    if path.endswith("dm-channels"):
        return await ada.direct(await new_user(ada.api, f"Peer {number}"))
    return await ada.channel(f"{number}", is_private=bool(number % 2))


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("ordering", ["", "latest_message_created_at", "created_at", "-created_at"])
async def test_no_channel_is_missed_or_seen_twice_when_messages_arrive_while_paging(
    ada: Person, path: str, ordering: str
) -> None:
    made = [await room_for(ada, path, number) for number in range(9)]
    for channel in made[::2]:
        await ada.say(channel)
    url: str | None = f"{path.format(me=ada.id)}?page_size=2&ordering={ordering}"
    seen: list[str] = []
    while url:
        page = await ada.seen(url)
        seen += [each["id"] for each in page["results"]]
        unseen = [each for each in made if each not in seen]
        for channel in (*unseen[-1:], *unseen[:2], seen[0]):
            await ada.say(channel)
        await room_for(ada, path, 100 + len(seen))  # made while paging
        last, url = page, page["next"]
    assert sorted(set(seen) & set(made)) == sorted(made) and len(seen) == len(set(seen))
    assert ordering == "created_at" or len(seen) == len(made)
    back = [each["id"] for each in reversed(last["results"])]
    while (url := last["previous"]) is not None:
        last = await ada.seen(url)
        back += [each["id"] for each in reversed(last["results"])]
    assert [each for each in back if each in made] == [each for each in reversed(seen) if each in made]


async def test_a_channel_with_a_new_message_is_first_in_a_new_walk(ada: Person) -> None:
    made = [await ada.channel(f"{number}") for number in range(5)]
    first = await ada.seen("channels?page_size=2")
    await ada.say(made[0])
    assert (await ada.seen("channels?page_size=2"))["results"][0]["id"] == made[0]
    onward = await ada.seen(first["next"])
    assert [each["id"] for each in onward["results"]] == [made[2], made[1]]


async def test_messages_that_are_sent_all_the_time_hide_no_channel(ada: Person) -> None:
    made = [await ada.channel(f"{number}") for number in range(30)]
    stopped = asyncio.Event()

    async def talk(number: int) -> None:
        while not stopped.is_set():
            await ada.say(made[number % 30], f"{number}")
            number = number * 7 % 30 + 1

    talkers = [asyncio.create_task(talk(number)) for number in range(1, 5)]
    try:
        for _ in range(3):
            walked = [each["id"] for each in await ada.all("channels?page_size=4")]
            assert sorted(walked) == sorted(made)
    finally:
        stopped.set()
        await asyncio.gather(*talkers)


@pytest.mark.parametrize(
    ("path", "other"),
    [
        ("channels", "users/{me}/joined-channels"),
        ("channels", "channels?ordering=created_at"),
        ("channels", "channels?ordering=latest_message_created_at"),
        ("channels/{one}/messages", "channels/{two}/messages"),
        ("channels/{one}/messages", "channels/{one}/messages?ordering=created_at"),
        ("channels/{one}/messages", "channels/{one}/members"),
        ("channels", "conference/streams"),
    ],
)
async def test_a_cursor_of_another_collection_or_ordering_is_not_found(ada: Person, path: str, other: str) -> None:
    one, two = await ada.channel("one"), await ada.channel("two")
    for channel in (one, two):
        for _ in range(2):
            await ada.say(channel)
    names = {"me": ada.id, "one": one, "two": two}
    url = path.format(**names)
    page = await ada.seen(f"{url}?page_size=1")
    cursor = re.search(r"cursor=([^&]+)", page["next"])
    assert cursor is not None
    target = other.format(**names)
    asked = f"{target}{'&' if '?' in target else '?'}cursor={cursor[1]}"
    assert await ada.get(asked) == (404, {"detail": "Invalid cursor"})
    for same in (f"{url}?cursor={cursor[1]}", f"{url}/?page_size=9&search=&ordering=unknown&cursor={cursor[1]}"):
        assert (await ada.get(same.replace(ada.id, ada.id.upper())))[0] == 200
