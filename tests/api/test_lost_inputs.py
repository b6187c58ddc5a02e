"""A live input deleted at the provider: gone from every answer as soon as one of them has found out."""

from __future__ import annotations

from typing import Any

import pytest

from providers.base import Phase
from tests.api.conftest import Api


async def seen_by_get(api: Api, channel: str) -> None:
    assert (await api.get(f"{api.conference(channel)}/create_stream"))[0] == 404


async def seen_by_rotate(api: Api, channel: str) -> None:
    assert (await api.post(f"{api.conference(channel)}/rotate_key"))[0] == 404


async def seen_by_disable(api: Api, channel: str) -> None:
    assert (await api.post(f"{api.conference(channel)}/disable"))[0] == 404


async def seen_by_health(api: Api, channel: str) -> None:
    assert (await api.get(f"{api.conference(channel)}/stream_health"))[0] == 404


async def seen_by_a_list(api: Api, channel: str) -> None:
    assert (await listed(api))["results"] == []


async def seen_by_a_list_of_a_state(api: Api, channel: str) -> None:
    assert (await api.get(f"{api.base}/conference/streams?state=offline"))[1]["results"] == []


async def seen_by_status(api: Api, channel: str) -> None:
    status, body = await api.get(f"{api.public(channel)}/stream_status")
    assert (status, body["state"], body["is_watchable"]) == (200, Phase.OFFLINE, False)


async def listed(api: Api) -> Any:
    return (await api.get(f"{api.base}/conference/streams"))[1]


@pytest.mark.parametrize(
    "find_out",
    [
        seen_by_get,
        seen_by_rotate,
        seen_by_disable,
        seen_by_health,
        seen_by_a_list,
        seen_by_a_list_of_a_state,
        seen_by_status,
    ],
)
async def test_an_input_found_missing_disappears_from_all_responses(api: Api, find_out: Any) -> None:
    channel = await api.channel()
    options = {"slate_image_url": "https://example.com/slate.png", "reconnect_timeout": 77}
    made = (await api.post(f"{api.conference(channel)}/create_stream", options))[1]
    await api.provider.delete_input(made["stream_uid"])
    await find_out(api, channel)
    calls = api.provider.calls.copy()
    assert (await listed(api))["results"] == []
    assert (await api.get(f"{api.public(channel)}/stream_player"))[0] == 404
    assert (await api.get(f"{api.conference(channel)}/create_stream"))[0] == 404
    assert api.provider.calls["get_input"] == calls["get_input"]
    status, again = await api.post(f"{api.conference(channel)}/create_stream")
    assert (status, again["reconnect_timeout"]) == (201, 77)
    assert again["stream_uid"] != made["stream_uid"]
    assert [each["uid"] for each in (await listed(api))["results"]] == [again["stream_uid"]]


async def test_its_recordings_stay(api: Api) -> None:
    channel = await api.channel()
    uid = (await api.post(f"{api.conference(channel)}/create_stream"))[1]["stream_uid"]
    api.provider.connect(uid)
    api.provider.make_watchable(uid)
    recording = api.provider.end(uid)
    assert recording is not None
    await api.provider.delete_input(uid)
    await seen_by_get(api, channel)
    body = (await api.get(f"{api.conference(channel)}/recorded_streams"))[1]
    assert [each["uid"] for each in body["results"]] == [recording.uid]


async def test_a_start_makes_none_again_that_no_client_asked_for(api: Api) -> None:
    channel = await api.channel()
    uid = (await api.post(f"{api.conference(channel)}/create_stream"))[1]["stream_uid"]
    await api.provider.delete_input(uid)
    await seen_by_get(api, channel)
    assert await api.streams.reconcile() == 0
    assert api.provider.input_uids == []


async def test_its_channel_can_be_deleted_and_nothing_is_made_for_that(api: Api) -> None:
    channel = await api.channel()
    uid = (await api.post(f"{api.conference(channel)}/create_stream"))[1]["stream_uid"]
    await api.provider.delete_input(uid)
    await seen_by_get(api, channel)
    made = api.provider.calls["ensure_input"]
    async with api.client.delete(f"{api.base}/channels/{channel}", headers=api.auth) as response:
        assert response.status == 204
    assert api.provider.calls["ensure_input"] == made
