"""Server-Sent Events of a real broadcast, and what becomes of them when the service stops."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.e2e.service import Service
from tests.waiting import PATIENCE

pytestmark = pytest.mark.e2e


async def test_the_states_of_a_broadcast_are_sent_in_order_until_the_service_stops(own: Service) -> None:
    channel, stream = await own.channel(reconnect_timeout=60)
    path = f"/api/pub/public/v1/orgs/{own.organization}/channels/{channel}/conference/stream_events"
    states: list[str] = []
    going_live = asyncio.Event()

    async def follow() -> None:
        async with own.http.get(own.base + path, params={"visitor_id": "ada"}) as response:
            async for line in response.content:
                if line.startswith(b"data: "):
                    status = json.loads(line[6:])
                    states.extend([status["state"]] if states[-1:] != [status["state"]] else [])
                    if status["viewer_count"] == 1:
                        going_live.set()

    async with asyncio.timeout(2 * PATIENCE), asyncio.TaskGroup() as group:
        group.create_task(follow())
        await own.push(stream)
        await going_live.wait()
        assert await own.stop() == 0
    assert [state for state in states if state in ("offline", "starting", "live")] == ["offline", "starting", "live"]
