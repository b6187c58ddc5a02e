"""stream_session, stream_sessions, and the session of a recording."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from service.api.changes import describe
from service.domain.streams.session import StreamSession
from service.domain.streams.sessions import open_session
from service.store import Store
from tests.api.conftest import Api


async def act(api: Api, channel: str, action: str) -> tuple[int, Any]:
    return await api.post(api.conference(channel) + "/stream_session", {"action": action})


async def test_many_starts_at_once_from_several_processes_give_one_session(api: Api, database_url: str) -> None:
    channel = await api.channel()
    stores = [Store(database_url, describe) for _ in range(4)]
    try:

        async def elsewhere(other: Store) -> StreamSession:
            async with other.transaction() as tx:
                return await open_session(tx, api.organization, UUID(channel), datetime.now(UTC), by_encoder=True)

        answers = asyncio.gather(*(act(api, channel, "start") for _ in range(30)))
        others = await asyncio.gather(*(elsewhere(each) for each in stores))
        started = {body["stream_session_id"] for _, body in await answers} | {str(each.id) for each in others}
    finally:
        for each in stores:
            await each.aclose()
    assert len(started) == 1


@pytest.mark.parametrize("body", [{}, {"action": "pause"}, {"action": None}, {"action": 1}])
async def test_another_action_is_refused(api: Api, body: object) -> None:
    status, answer = await api.post(api.conference(await api.channel()) + "/stream_session", body)
    assert (status, list(answer)) == (400, ["action"])


async def test_an_unknown_channel_has_no_session(api: Api) -> None:
    assert (await act(api, str(uuid4()), "start"))[0] == 404
    assert (await api.get(api.conference(str(uuid4())) + "/stream_sessions"))[0] == 404


async def test_recordings_carry_the_session_they_were_made_in(api: Api) -> None:
    channel = await api.channel()
    _, live = await api.post(api.conference(channel) + "/create_stream")
    for _ in range(2):
        api.provider.connect(live["stream_uid"])
        await api.writers.settled()
        api.provider.make_watchable(live["stream_uid"])
        api.provider.end(live["stream_uid"])
        await api.writers.settled()
    _, sessions = await api.get(api.conference(channel) + "/stream_sessions")
    _, recordings = await api.get(api.conference(channel) + "/recorded_streams")
    ids = [each["id"] for each in sessions["results"]]
    assert len(set(ids)) == 2
    assert [each["stream_session_id"] for each in recordings["results"]] == ids


async def test_the_list_has_the_audience_of_each_session_newest_first(api: Api) -> None:
    channel = await api.channel()
    started = [(await act(api, channel, action))[1]["stream_session_id"] for action in ("start", "stop", "start")]
    _, page = await api.get(api.conference(channel) + "/stream_sessions?page_size=1")
    (running,) = page["results"]
    assert set(running) == {"id", "started_at", "stopped_at", "peak_viewers", "unique_viewers"}
    assert (running["id"], running["stopped_at"], running["unique_viewers"]) == (started[2], None, 0)
    _, older = await api.get(page["next"])
    assert older["results"][0]["id"] == started[0]
    assert older["results"][0]["stopped_at"] is not None
    assert (await api.get(older["previous"]))[1]["results"] == [running]
