"""A recording that ended because the disk is nearly full is reported by the studio's endpoints and the status."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from tests.api.conftest import Api


async def test_it_is_a_finding_and_a_member_of_the_stream_and_its_status(api: Api) -> None:
    channel = await api.channel()
    path = f"{api.conference(channel)}/create_stream"
    created = (await api.post(path))[1]
    assert created["recording"] is None
    uid = created["stream_uid"]
    api.provider.connect(uid)
    api.provider.make_watchable(uid)
    assert await said(api, channel) == ["on", "on", "on", []]
    api.provider.stop_recording(uid)
    api.board.changed(api.organization, UUID(channel))
    assert await said(api, channel) == ["stopped_disk_full"] * 3 + [["recording_stopped"]]
    api.provider.end(uid)
    assert (await api.get(path))[1]["recording"] is None


async def test_it_is_an_event(api: Api) -> None:
    channel = await api.channel()
    uid = (await api.post(f"{api.conference(channel)}/create_stream"))[1]["stream_uid"]
    api.provider.connect(uid)
    api.provider.make_watchable(uid)
    async with api.client.get(f"{api.public(channel)}/stream_events") as events:
        assert (await next_status(events))["recording"] == "on"
        api.provider.stop_recording(uid)
        while (seen := await next_status(events))["recording"] == "on":
            pass
    assert (seen["recording"], seen["state"]) == ("stopped_disk_full", "live")


async def said(api: Api, channel: str) -> list[Any]:
    """Return the answers of create_stream to both methods and of stream_status, and the findings about the disk."""
    path = f"{api.conference(channel)}/create_stream"
    answers = [(await api.get(path))[1], (await api.post(path))[1]]
    status = (await api.get(f"{api.public(channel)}/stream_status"))[1]
    findings = (await api.get(f"{api.conference(channel)}/stream_health"))[1]["findings"]
    return [*(each["recording"] for each in (*answers, status)), [each["code"] for each in findings]]


async def next_status(events: Any) -> Any:
    async for line in events.content:
        if line.startswith(b"data: "):
            return json.loads(line[6:])
