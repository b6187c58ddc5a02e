"""Players of ours request a manifest before the stream is watchable."""

from __future__ import annotations

import asyncio

import pytest

from providers.base import LatencyMode
from providers.local.mp4.tracks import TrackKind
from providers.local.packager.events import Part
from providers.local.playback import PlaybackLimits
from tests.simulated_packager import INPUT, UID, SimulatedPackager
from tests.strict_playlist import read_multivariant
from tests.unit.providers.local.playback.library import Client, Library, text

EARLY = f"/{INPUT}/manifest/video.m3u8?early="


def begin(library: Library, tracks: tuple[TrackKind, ...] = tuple(TrackKind)) -> None:
    broadcast = library.begin(LatencyMode.LOW)
    broadcast.starts_early = True
    library.packager = SimulatedPackager(broadcast.resume("source"), tracks=tracks)


def push_parts(library: Library, count: int) -> list[Part]:
    """Write the first `count` parts of each track of the next segment."""
    written = []
    for event in library.packager.segment():
        if isinstance(event, Part) and event.index >= count:
            break
        library.running.write("source", event)
        if isinstance(event, Part):
            written.append(event)
    return written


async def test_the_first_part_is_playable_for_a_player_that_waited(client: Client, library: Library) -> None:
    begin(library)
    waiting = asyncio.ensure_future(client.get(EARLY))
    assert (await client.get(f"/{INPUT}/manifest/video.m3u8")).status == 404
    assert not waiting.done()
    parts = push_parts(library, 1)
    answer = await waiting
    assert (answer.status, answer.headers["Cache-Control"]) == (200, "public, max-age=1")
    variants, media = read_multivariant(await answer.text())
    for uri, part in zip((variants[0]["URI"], media[0]["URI"]), parts, strict=True):
        playlist = await text(client, f"/{INPUT}/manifest/{uri}")
        assert "#EXT-X-MEDIA-SEQUENCE:0\n" in playlist
        assert "\n#EXT-X-GAP\n" in playlist
        name = f"source-{part.track.value}-1.0.m4s"
        assert f'URI="../segments/{name}"' in playlist
        assert await (await client.get(f"/{UID}/segments/{name}")).read() == part.data
    assert (await client.get(f"/{INPUT}/manifest/video.m3u8")).status == 404, (
        "for all other players it is not watchable"
    )
    assert (await client.get(f"/{UID}/live/source-video.m3u8")).status == 404
    assert (await client.get(f"/{INPUT}/manifest/video.mpd?early=")).status == 404


async def test_an_early_playlist_can_be_waited_for_and_becomes_the_usual_one(client: Client, library: Library) -> None:
    begin(library)
    push_parts(library, 1)
    playlist = f"/{UID}/live/source-video.m3u8?early"
    assert "#EXT-X-GAP" in await text(client, playlist)
    waiting = asyncio.ensure_future(client.get(f"{playlist}&_HLS_msn=2&_HLS_part=0"))
    library.running.close_open("source")
    library.packager = SimulatedPackager(library.running.resume("source"))
    library.push()
    push_parts(library, 1)
    after = await (await waiting).text()
    assert "#EXT-X-GAP" not in after
    assert "#EXT-X-MEDIA-SEQUENCE:1\n" in after
    assert after == await text(client, f"/{UID}/live/source-video.m3u8")


async def test_a_single_track_and_other_modes_wait_for_the_first_segment(client: Client, library: Library) -> None:
    begin(library, (TrackKind.VIDEO,))
    waiting = asyncio.ensure_future(client.get(EARLY))
    push_parts(library, 2)
    await asyncio.sleep(0.05)
    assert not waiting.done()
    library.running.close_open("source")
    library.packager = SimulatedPackager(library.running.resume("source"), tracks=(TrackKind.VIDEO,))
    library.push()
    answer = await waiting
    assert answer.status == 200
    assert await answer.text() == await text(client, f"/{INPUT}/manifest/video.m3u8")


@pytest.mark.parametrize("limits", [PlaybackLimits(wait_targets=0)])
async def test_an_early_request_is_given_up_after_a_while(client: Client, library: Library) -> None:
    begin(library)
    assert (await client.get(EARLY)).status == 404


async def test_an_early_request_ends_with_the_broadcast(client: Client, library: Library) -> None:
    begin(library)
    waiting = asyncio.ensure_future(client.get(EARLY))
    await client.get(f"/{INPUT}/manifest/video.m3u8")
    library.running.suspend()
    assert (await waiting).status == 404
