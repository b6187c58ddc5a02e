"""Many players wait for the next part of one playlist: delta updates, and what one change of the playlist costs."""

from __future__ import annotations

import asyncio
import gzip
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import ClientSession, TCPConnector, hdrs

from providers.base import LatencyMode
from providers.local.manifest import hls, reload
from providers.local.storage.track import StoredTrack
from tests.simulated_packager import UID
from tests.strict_playlist import check_delta, read_media
from tests.unit.providers.local.playback.library import Client, Library, text
from tests.waiting import until

PLAYLIST = f"/{UID}/live/source-video.m3u8"
PLAYERS = 1_000


def counted(calls: Counter[str], name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: Any, **options: Any) -> Any:
        calls[name] += 1
        return function(*arguments, **options)

    return call


@pytest.mark.parametrize("mode", list(LatencyMode))
async def test_a_delta_update_has_what_is_new_and_what_players_may_lack(
    client: Client, library: Library, mode: LatencyMode
) -> None:
    library.begin(mode)
    library.push(12)
    library.packager.restart(3.0)
    library.push(12)
    library.push_part()
    full = read_media(await text(client, PLAYLIST))
    for directive in ("_HLS_skip=YES", "_HLS_skip=v2", f"_HLS_msn={full.segments[-1].sequence}&_HLS_skip=YES"):
        delta = read_media(await text(client, f"{PLAYLIST}?{directive}"))
        assert 0 < delta.skipped < len(full.segments)
        check_delta(full, delta)


async def test_a_delta_update_of_a_short_playlist_is_the_whole(client: Client, library: Library) -> None:
    library.begin()
    library.push(3)
    assert await text(client, f"{PLAYLIST}?_HLS_skip=YES") == await text(client, PLAYLIST)


@pytest.mark.parametrize("accepted", ["gzip", "identity"])
async def test_a_thousand_blocked_players_cost_one_rendering_one_compression_and_one_wake_up_each(
    client: Client, library: Library, monkeypatch: pytest.MonkeyPatch, accepted: str
) -> None:
    broadcast = library.begin(LatencyMode.LOW)
    library.push(6)
    await text(client, PLAYLIST)
    track = broadcast.track("source-video")
    assert track is not None
    calls: Counter[str] = Counter()
    monkeypatch.setattr(hls, "live_playlist", counted(calls, "renderings", hls.live_playlist))
    monkeypatch.setattr(gzip, "compress", counted(calls, "compressions", gzip.compress))
    monkeypatch.setattr(StoredTrack, "notify", counted(calls, "notifications", StoredTrack.notify))
    monkeypatch.setattr(reload, "satisfied", counted(calls, "checks", reload.satisfied))
    url = client.make_url(f"{PLAYLIST}?_HLS_msn=6&_HLS_part=0&_HLS_skip=YES")
    async with ClientSession(connector=TCPConnector(limit=0), auto_decompress=False) as http:

        async def player() -> tuple[int, bytes]:
            async with http.get(url, headers={hdrs.ACCEPT_ENCODING: accepted}) as answer:
                return answer.status, await answer.read()

        players = [asyncio.ensure_future(player()) for _ in range(PLAYERS)]
        await until(lambda: calls["checks"] == PLAYERS)  # all are waiting
        library.push_part()
        answers = await asyncio.gather(*players)
    assert {status for status, _ in answers} == {200}
    assert len({body for _, body in answers}) == 1
    body = answers[0][1]
    assert read_media((gzip.decompress(body) if accepted == "gzip" else body).decode()).open_parts
    assert (calls["renderings"], calls["compressions"]) == (1, 1 if accepted == "gzip" else 0)
    assert (calls["notifications"], calls["checks"]) == (1, 2 * PLAYERS)
