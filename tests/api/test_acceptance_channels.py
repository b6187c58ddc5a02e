"""Checks 4 to 10 of the Pub API's acceptance list: the channels of an organization."""

from __future__ import annotations

from tests.api.conftest import Api
from tests.api.people import TIME, Person

MEMBERS = {
    "id", "organization_id", "name", "description", "created_at", "updated_at", "avatar_url", "is_direct_message", "latest_message",
    "latest_message_created_at", "member_count", "is_private", "is_default_channel", "is_village", "type", "is_active",
}  # fmt: skip


async def test_check_04_a_get_with_a_content_type_and_no_body_is_answered(api: Api) -> None:
    headers = {**api.auth, "content-type": "application/json"}
    async with api.client.get(f"{api.base}/channels", headers=headers) as response:
        assert response.status == 200
        assert list(await response.json()) == ["next", "previous", "results"]


async def test_check_05_following_next_gives_120_channels_once_each(api: Api, ada: Person) -> None:
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


async def test_check_06_a_message_moves_its_channel_to_the_front(ada: Person) -> None:
    oldest = await ada.channel("oldest")
    for name in "abc":
        await ada.channel(name)
    message = await ada.say(oldest)
    channel = (await ada.seen("channels"))["results"][0]
    assert (channel["id"], channel["latest_message"]) == (oldest, message)
    assert channel["latest_message_created_at"] == message["created_at"]


async def test_check_07_ascending_is_the_exact_reverse_of_descending(ada: Person) -> None:
    for number in range(30):
        await ada.channel(f"{number}")
    up = await ada.all("channels?ordering=created_at&page_size=7")
    down = await ada.all("channels?ordering=-created_at&page_size=7")
    assert up == down[::-1]
    assert len(up) == 30


async def test_check_08_a_new_channel_stands_at_its_first_values(ada: Person) -> None:
    channel = await ada.made("channels", {"name": " News ", "description": "What happens"})
    assert set(channel) == MEMBERS
    assert (channel["name"], channel["description"], channel["avatar_url"]) == ("News", "What happens", None)
    assert (channel["is_direct_message"], channel["latest_message"], channel["member_count"]) == (False, None, 1)
    assert (channel["type"], channel["is_private"], channel["is_default_channel"]) == (2, False, False)
    for name in ("created_at", "updated_at", "latest_message_created_at"):
        assert TIME.fullmatch(channel[name])
    assert await ada.seen(f"channels/{channel['id']}") == channel


async def test_check_09_a_channel_needs_a_name(ada: Person) -> None:
    assert await ada.post("channels", {}) == (400, {"name": ["This field is required."]})


async def test_check_10_patch_changes_what_is_sent_and_put_resets_the_rest(ada: Person) -> None:
    channel = await ada.channel("News", description="What happens", is_village=True)
    status, patched = await ada.patch(f"channels/{channel}", {"name": "Old news"})
    assert (status, patched["name"], patched["description"]) == (200, "Old news", "What happens")
    assert patched["updated_at"] > patched["created_at"]
    assert await ada.put(f"channels/{channel}", {"description": "x"}) == (400, {"name": ["This field is required."]})
    status, replaced = await ada.put(f"channels/{channel}", {"name": "News"})
    assert (status, replaced["name"], replaced["description"], replaced["is_village"]) == (200, "News", "", False)
