"""What playlists and MPDs say when the system clock is set while a broadcast runs."""

from __future__ import annotations

import re
from datetime import datetime
from itertools import pairwise

import pytest

from providers.local.manifest import dash, hls
from providers.local.mp4.tracks import TrackKind
from providers.local.storage.broadcast import Broadcast
from providers.local.storage.disk import DiskBackend
from providers.local.storage.storage import Storage, StorageLimits
from tests.unit.providers.local.live.live_server import LiveServer
from tests.unit.providers.local.packager.tags import stream

STEPS = [60.0, -60.0, 3600.0, -3600.0]


async def show_for(server: LiveServer, seconds: float) -> None:
    """Connect an encoder, send so many seconds and disconnect; the clock advances by the time taken."""
    publication = await server.connect()
    server.send(publication, stream(seconds))
    publication.ended("closed")
    server.after(seconds)


def listed_times(broadcast: Broadcast) -> dict[TrackKind, list[float]]:
    """Return the program times in the live playlist of each track, as Unix time."""
    view, mark = broadcast.view(live=True), "#EXT-X-PROGRAM-DATE-TIME:"
    return {
        track.kind: [
            datetime.fromisoformat(line.removeprefix(mark)).timestamp()
            for line in hls.live_playlist(view, track, "").splitlines()
            if line.startswith(mark)
        ]
        for track in view.tracks
    }


def assert_joinable(broadcast: Broadcast, since: float = 20.0) -> None:
    """Assert that, by our clock, the newest DASH Period began in the last `since` seconds."""
    now = broadcast.clock()
    mpd = dash.live_mpd(broadcast.view(live=True), now, segments="", location="", clock="")
    began = re.search(r'availabilityStartTime="([^"]+)"', mpd)
    periods = re.findall(r'<Period id="g\d+" start="PT([\d.]+)S"', mpd)
    assert began is not None
    start = datetime.fromisoformat(began[1]).timestamp() + float(periods[-1])
    assert now - since <= start <= now


@pytest.mark.parametrize("step", STEPS)
async def test_the_next_encoder_gets_the_time_of_a_system_clock_that_was_set(server: LiveServer, step: float) -> None:
    await server.add_input()
    await show_for(server, 4.0)
    before = listed_times(server.running)
    server.clock.set_back(-step)

    connected = server.clock.unix()
    await show_for(server, 4.0)

    assert before[TrackKind.VIDEO]
    for kind, times in listed_times(server.running).items():
        earlier, later = times[: len(before[kind])], times[len(before[kind]) :]
        assert earlier == before[kind]
        assert later[0] == pytest.approx(connected, abs=0.1)
    assert_joinable(server.running)
    listed = {kind: track.segments for (_, kind), track in server.running.tracks.items()}
    assert all(one.program_time < two.program_time for each in listed.values() for one, two in pairwise(each))


@pytest.mark.parametrize("step", [60.0, *(-each for each in STEPS if each > 0)])
async def test_a_broadcast_goes_on_after_a_restart_with_another_system_clock(server: LiveServer, step: float) -> None:
    await server.add_input(reconnect_timeout=600)
    await show_for(server, 4.0)
    server.clock.set_back(-step)
    await server.restart()
    assert_joinable(server.running, since=max(0.0, step) + 20)

    connected = server.clock.unix()
    await show_for(server, 4.0)

    assert_joinable(server.running)
    listed = listed_times(server.running)
    assert [times[-1] for times in listed.values()] == [pytest.approx(connected, abs=4.0)] * 2
    uid = server.running.info.uid
    server.after(600)
    server.storage.close()
    recording = await Storage(DiskBackend(server.folder, sync=False), StorageLimits(min_free=0)).open(uid)
    assert recording is not None
    written = hls.vod_playlist(recording.view(live=False).primary, "")
    kept = {track.kind: track.wall_time(track.segments[-1]) for track in recording.view(live=False).tracks}
    assert kept == {kind: pytest.approx(times[-1], abs=0.001) for kind, times in listed.items()}
    assert written.count("#EXT-X-PROGRAM-DATE-TIME:") == 2
