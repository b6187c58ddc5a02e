"""Channels over HTTP."""

from __future__ import annotations

import asyncio
import re
from uuid import uuid4

import pytest

from tests.api.conftest import Api
from tests.api.people import Person, first, new_user

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


async def test_a_private_channel_says_so(api: Api) -> None:
    _, channel = await api.post(f"{api.base}/channels", {"name": "Staff", "is_private": True})
    assert (channel["type"], channel["is_private"]) == (4, True)


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ({"name": None}, {"name": ["This field may not be null."]}),
        ({"name": 5}, {"name": ["Not a valid string."]}),
        ({"name": ["a"]}, {"name": ["Not a valid string."]}),
        ({"name": "x" * 256}, {"name": ["Ensure this field has no more than 255 characters."]}),
        ({"name": "a", "is_private": "yes"}, {"is_private": ["Must be a valid boolean."]}),
        ({"name": " \n"}, {"name": ["This field may not be blank."]}),
        ({"name": "a\u0000b"}, {"name": ["Null characters are not allowed."]}),
        ({"name": "a", "description": "\u0000"}, {"description": ["Null characters are not allowed."]}),
        ({"name": "a", "avatar_url": "javascript:alert(1)"}, {"avatar_url": ["Enter a valid URL."]}),
        ({"name": "a", "type": 1}, {"type": ["Not a valid choice. Expected 2, 3, 4 or 5."]}),
        ([], {"non_field_errors": ["Invalid data. Expected a dictionary, but got list."]}),
        ("a", {"non_field_errors": ["Invalid data. Expected a dictionary, but got str."]}),
    ],
)
async def test_a_wrong_body_is_answered_by_field(api: Api, body: object, answer: object) -> None:
    assert await api.post(f"{api.base}/channels", body) == (400, answer)


async def test_unknown_members_are_ignored(api: Api) -> None:
    status, channel = await api.post(f"{api.base}/channels", {"name": "A", "id": "mine", "\u0000": 10**400})
    assert (status, channel["name"]) == (201, "A")


async def test_an_organization_has_one_default_channel_at_most(api: Api) -> None:
    ada = first(api)
    old, new = await ada.channel("Old lobby"), await ada.channel("New lobby")
    assert (await ada.patch(f"channels/{old}", {"is_default_channel": True}))[1]["is_default_channel"] is True
    status, answer = await ada.patch(f"channels/{new}", {"is_default_channel": True})
    assert (status, list(answer)) == (409, ["detail"])
    assert (await ada.put(f"channels/{old}", {"name": "Lobby"}))[1]["is_default_channel"] is True
    assert (await ada.patch(f"channels/{old}", {"is_default_channel": False}))[1]["is_default_channel"] is False
    assert (await ada.patch(f"channels/{new}", {"is_default_channel": True}))[0] == 200
    assert await ada.delete(f"channels/{new}") == (204, None)
    assert (await ada.patch(f"channels/{old}", {"is_default_channel": True}))[0] == 200


async def test_one_of_many_simultaneous_defaults_holds(api: Api) -> None:
    ada = first(api)
    made = [await ada.channel(f"{number}") for number in range(8)]
    answers = await asyncio.gather(*(ada.patch(f"channels/{each}", {"is_default_channel": True}) for each in made))
    assert sorted(status for status, _ in answers) == [200] + [409] * 7
    assert [each["is_default_channel"] for each in await ada.all("channels")].count(True) == 1


async def test_a_channel_made_private_and_the_default_at_once_becomes_one_of_them(api: Api) -> None:
    ada = first(api)
    channel = await ada.channel()
    wishes: list[dict[str, bool]] = [{"is_default_channel": True}, {"is_private": True}]
    answers = await asyncio.gather(*(ada.patch(f"channels/{channel}", each) for each in wishes))
    assert sorted(status for status, _ in answers) == [200, 409]
    _, found = await ada.get(f"channels/{channel}")
    assert (found["is_default_channel"], found["is_private"]).count(True) == 1


async def test_the_default_channel_of_another_organization_does_not_count(api: Api) -> None:
    ada, eve = first(api), await new_user(api, "Eve", uuid4())
    theirs = f"/api/pub/v1/orgs/{(await eve.seen('/api/v5/users/me'))['organization_id']}/channels"
    other = await eve.made(theirs, {"name": "Theirs"})
    assert (await eve.patch(f"{theirs}/{other['id']}", {"is_default_channel": True}))[0] == 200
    assert (await ada.patch(f"channels/{await ada.channel()}", {"is_default_channel": True}))[0] == 200


async def test_the_default_channel_is_public(api: Api) -> None:
    ada = first(api)
    private, public = await ada.channel("Staff", is_private=True), await ada.channel("Lobby")
    refused = (409, {"detail": "The organization's default channel is a public one."})
    assert await ada.patch(f"channels/{private}", {"is_default_channel": True}) == refused
    assert await ada.patch(f"channels/{public}", {"is_default_channel": True, "is_private": True}) == refused
    await ada.patch(f"channels/{public}", {"is_default_channel": True})
    assert await ada.patch(f"channels/{public}", {"is_private": True}) == refused
    assert await ada.put(f"channels/{public}", {"name": "Lobby", "is_private": True}) == refused
    status, channel = await ada.patch(f"channels/{private}", {"is_default_channel": False})
    assert (status, channel["is_private"], channel["is_default_channel"]) == (200, True, False)


async def test_an_upper_case_id_is_the_same_id(api: Api) -> None:
    channel = await api.channel()
    status, found = await api.get(f"/api/pub/v1/orgs/{str(api.organization).upper()}/channels/{channel.upper()}")
    assert (status, found["id"]) == (200, channel)


@pytest.mark.parametrize(
    "bad", ["x", "%00", "%ff", "0" * 32, "{channel_id}", "..%2f..", "01234567-89ab-4def-8123-456789abcdef"]
)
async def test_an_id_that_names_nothing_is_a_404(api: Api, bad: str) -> None:
    assert await api.get(f"{api.base}/channels/{bad}") == (404, {"detail": "Not found."})


async def test_links_carry_every_other_parameter(api: Api) -> None:
    for name in "abc":
        await api.channel(name)
    _, page = await api.get(f"{api.base}/channels?ordering=created_at&page_size=2&format=json")
    _, second = await api.get(page["next"])
    for link in (page["next"], second["previous"]):
        assert all(each in link for each in ("ordering=created_at", "page_size=2", "format=json"))
    assert [each["name"] for each in second["results"]] == ["c"]


async def test_a_channel_made_while_paging_moves_nothing(api: Api) -> None:
    made = [await api.channel(f"{number}") for number in range(4)]
    _, first = await api.get(f"{api.base}/channels?page_size=2")
    late = await api.channel("late")
    _, second = await api.get(first["next"])
    assert [each["id"] for page in (first, second) for each in page["results"]] == made[::-1]
    _, back = await api.get(second["previous"])
    assert [each["id"] for each in back["results"]] == [made[3], made[2]]
    assert back["previous"] is None, "the walk began before the late channel"
    _, start = await api.get(f"{api.base}/channels?page_size=1")
    assert [each["id"] for each in start["results"]] == [late]


async def test_channels_are_found_by_a_part_of_their_name_in_any_case(api: Api) -> None:
    for name, private in (("Ärger im Büro", False), ("Büro privat", True), ("Lunch", False)):
        await api.post(f"{api.base}/channels", {"name": name, "is_private": private})
    _, found = await api.get(f"{api.base}/channels", params={"search": "BÜRO", "ordering": "created_at"})
    assert [each["name"] for each in found["results"]] == ["Ärger im Büro", "Büro privat"]
    assert await api.get(f"{api.base}/channels", params={"search": "%"}) == (
        200,
        {"next": None, "previous": None, "results": []},
    )
    _, first = await api.get(f"{api.base}/channels", params={"search": "büro", "page_size": "1"})
    _, second = await api.get(first["next"])
    assert len(first["results"]) == len(second["results"]) == 1 and second["next"] is None


async def test_an_unknown_ordering_is_the_default_one(api: Api) -> None:
    for name in "ab":
        await api.channel(name)
    _, default = await api.get(f"{api.base}/channels")
    _, unknown = await api.get(f"{api.base}/channels?ordering=name,%00")
    assert unknown["results"] == default["results"]


async def test_of_several_keys_to_order_by_the_first_decides(api: Api) -> None:
    made = [await api.channel(name) for name in "abc"]
    _, page = await api.get(f"{api.base}/channels?ordering=created_at,-latest_message_created_at")
    assert [each["id"] for each in page["results"]] == made


@pytest.mark.parametrize(("size", "items"), [("1", 1), ("2", 2), ("0002", 2), ("101", 3), ("9" * 5000, 3), ("+2", 2)])
async def test_a_page_size_over_the_largest_is_the_largest(api: Api, size: str, items: int) -> None:
    for name in "abc":
        await api.channel(name)
    _, page = await api.get(f"{api.base}/channels", params={"page_size": size})
    assert len(page["results"]) == items


@pytest.mark.parametrize("size", ["", "x", "1.5", "1e3", "٣", "0x10", "null"])
async def test_a_page_size_that_is_no_number_is_refused(api: Api, size: str) -> None:
    status, answer = await api.get(f"{api.base}/channels", params={"page_size": size})
    assert (status, answer) == (400, {"page_size": ["A valid integer is required."]})


@pytest.mark.parametrize("size", ["0", "-0", "+0", "000", "-1", "-" + "9" * 5000])
async def test_a_page_of_nothing_is_refused(api: Api, size: str) -> None:
    status, answer = await api.get(f"{api.base}/channels", params={"page_size": size})
    assert (status, answer) == (400, {"page_size": ["Ensure this value is greater than or equal to 1."]})


INVISIBLE = [
    " ",
    "\t\n",
    "\u200b",
    "\u2060\ufeff",
    "\u00a0\u3000",
    "\u3164",
    "\u2800",
    "\u00ad",
    "\ufe0f",
    "\U000e0041",
    "\u115f",
]
BIDI = ["a\u202eb", "\u200fa", "a\u2066b\u2069", "\u061ca"]
CONTROLS = ["a\x00b", "a\x07b", "a\nb", "a\tb", "\x1b[31mred", "a\x7f", "a\x85b", "a\u2028b", "a\ufff9b"]


@pytest.mark.parametrize("name", [*INVISIBLE, *BIDI, *CONTROLS])
async def test_a_name_that_shows_nothing_or_controls_its_surroundings_is_refused(
    api: Api, ada: Person, name: str
) -> None:
    channel = await api.channel()
    for method, path in (("POST", "channels"), ("PUT", f"channels/{channel}"), ("PATCH", f"channels/{channel}")):
        status, answer = await ada.call(method, path, {"name": name})
        assert (status, list(answer)) == (400, ["name"])
    status, answer = await ada.post(f"channels/{channel}/conference/token", {"user": {"name": name}})
    assert (status, list(answer)) == (400, ["user"])


@pytest.mark.parametrize(
    "name",
    [
        "Été",
        "روز\u200cبخیر",
        "👩\u200d💻",
        "❤\ufe0f",
        "🏴\U000e0067\U000e0062\U000e007f",
        "עברית",
        "a\u00a0b",
        "\u200ba",
    ],
)
async def test_a_name_in_any_writing_is_kept(api: Api, ada: Person, name: str) -> None:
    channel = await ada.channel(f" {name}\n")
    assert (await ada.seen(f"channels/{channel}"))["name"] == name
    assert (await ada.post(f"channels/{channel}/conference/token", {"user": {"name": name}}))[0] == 200


async def test_a_guest_may_come_without_a_name(api: Api, ada: Person) -> None:
    channel = await ada.channel()
    for user in ({}, {"name": ""}, {"name": None}):
        assert (await ada.post(f"channels/{channel}/conference/token", {"user": user}))[0] == 200


@pytest.mark.parametrize(
    "cursor", ["x", "ä", "bjE3", "bjEuLi8uLg", "\x00", "A" * 2000, "bjk5OTk5OTk5OTk5OTk5OTk5OS54", "bjEueA"]
)
async def test_a_bad_cursor_is_a_404(api: Api, cursor: str) -> None:
    for path in ("channels", "conference/streams"):
        answer = await api.get(f"{api.base}/{path}", params={"cursor": cursor})
        assert answer == (404, {"detail": "Invalid cursor"})


async def test_an_empty_cursor_is_the_beginning(api: Api) -> None:
    """As Django REST framework has it, which is what giosg runs."""
    await api.channel()
    for path in ("channels", "conference/streams"):
        assert await api.get(f"{api.base}/{path}", params={"cursor": ""}) == await api.get(f"{api.base}/{path}")
