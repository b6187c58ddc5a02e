"""Stream sessions and visitors, end to end: a real encoder, a restart in the middle, Redis' own child, a token that counts."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.service import Service, eventually

pytestmark = pytest.mark.e2e


async def visitor(live: Service) -> dict[str, str]:
    """Return a new visitor's credentials."""
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


async def test_a_broadcast_makes_a_session_that_outlives_a_restart_and_counts_its_viewers(own: Service) -> None:
    channel, stream = await own.channel(reconnect_timeout=60)
    encoder = await own.push(stream)
    await own.until(channel, is_watchable=True)
    (session,) = await sessions(own, channel)
    ann, bob = await visitor(own), await visitor(own)
    for each in (ann, bob, ann):
        await poll(own, channel, each)
    await own.until(channel, viewer_count=2)

    await own.stop()
    await encoder.kill()
    await own.start()
    encoder = await own.push(stream)
    await own.until(channel, is_watchable=True)
    cat = await visitor(own)
    for each in (ann, cat):  # tokens and ids are the same after the restart
        await poll(own, channel, each)
    await eventually(lambda: sessions(own, channel), lambda found: found[0]["unique_viewers"] == 3)

    await encoder.kill()
    await own.give_up(channel)
    (ended,) = await eventually(lambda: sessions(own, channel), lambda found: found[0]["stopped_at"])
    assert (ended["id"], ended["unique_viewers"]) == (session["id"], 3)
    assert 2 <= ended["peak_viewers"] <= 3
    (recording,) = await eventually(lambda: own.recordings(channel), bool)
    assert recording["stream_session_id"] == session["id"]
