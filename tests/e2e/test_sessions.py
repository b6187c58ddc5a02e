"""Stream sessions and visitors, end to end: a real encoder, a restart in the middle, Redis' own child, a token that counts."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.stage import Service, eventually

pytestmark = pytest.mark.e2e


async def visitor(live: Service) -> dict[str, str]:
    """A new visitor's credentials."""
    async with live.http.post(f"{live.base}/api/v5/public/orgs/{live.organization}/auth", json={}) as answer:
        assert answer.status == 200
        return {"Authorization": f"Bearer {(await answer.json())['access_token']}"}


async def poll(live: Service, channel: str, who: dict[str, str]) -> None:
    path = f"/api/pub/public/v1/orgs/{live.organization}/channels/{channel}/conference/stream_status"
    async with live.http.get(live.base + path, headers=who) as answer:
        assert answer.status == 200


async def sessions(live: Service, channel: str) -> list[dict[str, Any]]:
    found = await live.api("GET", f"channels/{channel}/conference/stream_sessions")
    return found["results"]  # type: ignore[no-any-return]


async def test_a_broadcast_makes_a_session_that_outlives_a_restart_and_counts_its_viewers(live: Service) -> None:
    channel, stream = await live.channel(reconnect_timeout=20)
    encoder = await live.push(stream)
    await live.until(channel, is_watchable=True)
    (session,) = await sessions(live, channel)
    ann, bob = await visitor(live), await visitor(live)
    for each in (ann, bob, ann):
        await poll(live, channel, each)
    await live.until(channel, viewer_count=2)

    await live.stop()
    await encoder.kill()
    await live.start()
    encoder = await live.push(stream)
    await live.until(channel, is_watchable=True)
    cat = await visitor(live)
    for each in (ann, cat):  # tokens and ids are the same after the restart
        await poll(live, channel, each)
    await eventually(lambda: sessions(live, channel), lambda found: found[0]["unique_viewers"] == 3, 30.0)

    await encoder.kill()
    await live.api("POST", f"channels/{channel}/conference/create_stream", {"reconnect_timeout": 0})
    (ended,) = await eventually(lambda: sessions(live, channel), lambda found: found[0]["stopped_at"], 40.0)
    assert (ended["id"], ended["unique_viewers"]) == (session["id"], 3)
    assert 2 <= ended["peak_viewers"] <= 3
    (recording,) = await eventually(lambda: live.recordings(channel), bool, 10.0)
    assert recording["stream_session_id"] == session["id"]
