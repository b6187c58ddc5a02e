"""Checks 23 to 27 and 29 of the Pub API's acceptance list: streams, their recordings and viewers, sessions and meetings."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from tests.api.conftest import Api
from tests.api.people import TIME
from tests.waiting import until

INPUT_MEMBERS = {
    "rtmps_url", "rtmp_url", "view_url", "stream_key", "stream_uid", "slate_image_url", "reconnect_timeout", "latency_mode",
    "enabled", "recording",
}  # fmt: skip
RECORDING_MEMBERS = {
    "uid", "thumbnail", "created", "modified", "size", "duration", "input", "playback", "meta", "stream_session_id",
    "description", "thumbnail_time", "is_pinned",
}  # fmt: skip
LISTED_MEMBERS = {
    "channel", "channel_name", "created", "uid", "rtmps_url", "view_url", "thumbnail", "state", "viewer_count",
}  # fmt: skip


async def make_stream(api: Api, channel: str) -> Any:
    return (await api.post(api.conference(channel) + "/create_stream"))[1]


def broadcast(api: Api, uid: str) -> None:
    api.provider.connect(uid)
    api.provider.make_watchable(uid)


async def asked(api: Api, path: str, **more: Any) -> tuple[int, Any]:
    """Status and answer, without credentials."""
    async with api.client.get(path, **more) as response:
        return response.status, await response.json()


async def test_check_23_a_stream_is_made_once_without_a_body_and_stays_the_same(api: Api) -> None:
    path = api.conference(await api.channel()) + "/create_stream"
    async with api.client.post(path, headers=api.auth, skip_auto_headers=["Content-Type"]) as response:
        assert response.status == 201
        made = await response.json()
    assert set(made) == INPUT_MEMBERS
    assert made["rtmps_url"].startswith("rtmps://") and made["view_url"].endswith(".m3u8")
    assert made["stream_key"] and made["stream_uid"]
    assert (made["slate_image_url"], made["reconnect_timeout"], made["latency_mode"]) == (None, 60, "standard")
    assert await api.post(path, {}) == (200, made)
    assert await api.get(path) == (200, made)


async def test_check_24_what_was_broadcast_is_listed_as_a_recording(api: Api) -> None:
    channel = await api.channel("Show")
    uid = (await make_stream(api, channel))["stream_uid"]
    broadcast(api, uid)
    api.provider.end(uid)
    status, page = await api.get(api.conference(channel) + "/recorded_streams")
    assert (status, set(page)) == (200, {"next", "previous", "results"})
    (item,) = page["results"]
    assert set(item) == RECORDING_MEMBERS
    assert item["uid"] != uid
    assert TIME.fullmatch(item["created"]) and TIME.fullmatch(item["modified"])
    assert isinstance(item["size"], int) and isinstance(item["duration"], float)
    assert set(item["input"]) == {"width", "height"} and set(item["playback"]) == {"hls", "dash"}
    assert isinstance(item["meta"]["name"], str) and item["thumbnail"].startswith("http")


async def test_check_25_the_organizations_list_names_channels_newest_first_and_never_a_key(api: Api) -> None:
    channels = {name: await api.channel(name) for name in ("one", "two", "three", "without a stream")}
    made = {name: await make_stream(api, channels[name]) for name in ("one", "two", "three")}
    api.provider.connect(made["two"]["stream_uid"])
    status, page = await api.get(f"{api.base}/conference/streams")
    assert status == 200
    assert [each["channel_name"] for each in page["results"]] == ["three", "two", "one"]
    assert [each["channel"] for each in page["results"]] == [channels[name] for name in ("three", "two", "one")]
    assert set(page["results"][0]) == LISTED_MEMBERS
    assert [each["state"] for each in page["results"]] == ["offline", "connecting", "offline"]
    for live in made.values():
        assert live["stream_key"] not in str(page)


async def test_check_26_the_status_needs_no_credentials(api: Api) -> None:
    channel = await api.channel()
    for _ in range(2):
        status, answer = await asked(api, api.public(channel) + "/stream_status")
        members = [answer[name] for name in ("is_connected", "is_watchable", "seconds_until_watchable")]
        assert (status, members, [type(each) for each in members]) == (200, [False, False, 0], [bool, bool, int])
        await make_stream(api, channel)  # and once more, with a live input that receives nothing


async def test_check_27_two_visitors_one_of_whom_polls_twice_are_two_viewers_for_two_minutes(api: Api) -> None:
    channel = await api.channel()
    broadcast(api, (await make_stream(api, channel))["stream_uid"])
    status, count = api.public(channel) + "/stream_status", api.public(channel) + "/stream_viewer_count"
    assert (await asked(api, status))[1]["is_watchable"]
    for visitor in ("ann", "bob", "ann"):
        assert (await asked(api, status, params={"visitor_id": visitor}))[0] == 200
    watched = api.board.find(str(api.organization), channel)
    assert watched is not None
    await until(lambda: watched.snapshot.viewers.value == 2)
    assert await asked(api, count) == (200, {"viewer_count": 2})
    api.clock.advance(121)
    api.board.changed(api.organization, UUID(channel))
    await until(lambda: watched.snapshot.viewers.value == 0)
    assert await asked(api, count) == (200, {"viewer_count": 0})


async def test_check_29_a_session_is_started_once_and_a_meeting_has_its_token(api: Api) -> None:
    channel = await api.channel()
    path = api.conference(channel) + "/stream_session"
    status, started = await api.post(path, {"action": "start"})
    assert (status, list(started)) == (200, ["stream_session_id"])
    assert str(UUID(started["stream_session_id"])) == started["stream_session_id"]
    assert await api.post(path, {"action": "start"}) == (200, started)
    for _ in range(2):
        assert await api.post(path, {"action": "stop"}) == (200, {"stream_session_id": None})
    assert (await api.post(path, {"action": "start"}))[1] != started
    person = {"id": str(api.user), "name": "Ada", "email": "ada@example.com", "avatar": "https://example.com/a.png"}
    status, token = await api.post(api.conference(channel) + "/token", {"group": str(api.organization), "user": person})
    assert (status, set(token)) == (200, {"token_type", "access_token", "expires_in"})
    assert token["token_type"] == "bearer" and token["expires_in"] > 0
