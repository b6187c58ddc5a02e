"""A disk that fills up while a broadcast runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from providers.base import DEFAULT_RECONNECT_TIMEOUT, Phase, Spawn
from providers.health import RecordingState
from providers.local.live.disk_guard import SPACE_INTERVAL
from providers.local.live.pipeline import Pipeline
from providers.local.manifest import hls
from providers.local.mp4.tracks import TrackKind
from providers.local.ports.refusals import PublishRefused, Refusal
from providers.local.storage.disk import DiskBackend
from providers.local.storage.storage import StorageLimits
from providers.local.transcoder.renditions import SOURCE_NAME
from tests.strict_playlist import read_media
from tests.unit.providers.local.live.live_server import INPUT, LiveServer
from tests.unit.providers.local.packager.tags import stream

LIMITS = StorageLimits()
MIB = 1 << 20

SetFree = Callable[[int], None]


class SmallDisk(DiskBackend):
    """A disk with as many free bytes as the test says."""

    free = LIMITS.min_free
    checks = 0

    def free_space(self) -> int:
        self.checks += 1
        return self.free


@pytest.fixture
def disk(tmp_path: Path) -> SmallDisk:
    return SmallDisk(tmp_path, sync=False)


@pytest.fixture
def server(tmp_path: Path, spawn: Spawn, disk: SmallDisk) -> LiveServer:
    return LiveServer(tmp_path, spawn, LIMITS, disk)


@pytest.fixture
def set_free(disk: SmallDisk) -> SetFree:
    def set_free(free: int) -> None:
        disk.free = free

    return set_free


async def test_a_nearly_full_disk_ends_the_recording_and_not_the_broadcast(
    server: LiveServer, set_free: SetFree
) -> None:
    await server.add_input(reconnect_timeout=30)
    publication = await server.connect()
    tags = stream(180.0)
    server.send(publication, (tag for tag in tags if tag.timestamp < 10_000))
    server.after(SPACE_INTERVAL)
    set_free(LIMITS.record_free - 1)
    with capture_logs() as logs:
        server.after(SPACE_INTERVAL)
        server.after(SPACE_INTERVAL)
    assert [each["event"] for each in logs] == ["recording stopped, disk nearly full"]
    session = server.broadcasts.session(INPUT)
    assert session is not None
    recording_states = (session.state().recording, session.health().recording, server.broadcasts.recording(INPUT))
    assert set(recording_states) == {RecordingState.STOPPED_DISK_FULL}
    until_then = len(server.running.tracks[SOURCE_NAME, TrackKind.VIDEO].segments)
    server.send(publication, (tag for tag in tags if tag.timestamp >= 10_000))

    broadcast = server.running
    assert server.phase is Phase.LIVE
    listed = read_media(hls.live_playlist(broadcast.view(live=True), broadcast.view(live=True).tracks[0], ""))
    assert all(broadcast.files.size(segment.uri) for segment in listed.segments)
    assert listed.segments[-1].sequence > 80
    files = [name for name in broadcast.files.names() if name.startswith("source-video-") and name.endswith(".m4s")]
    assert len(files) < until_then + 2 * len(listed.segments) + 2

    publication.ended("closed")
    server.after(DEFAULT_RECONNECT_TIMEOUT)
    (recording,) = server.recordings.page(INPUT)
    assert recording.duration == pytest.approx(9.0, abs=0.1)
    shown = await server.storage.open(recording.uid)
    assert shown is not None
    for track in shown.view(live=False).tracks:
        playlist = read_media(hls.vod_playlist(track, ""))
        assert all(broadcast.files.size(segment.uri) for segment in playlist.segments)
        assert sum(segment.duration for segment in playlist.segments) == pytest.approx(9.0, abs=0.1)


async def test_a_recording_that_was_stopped_is_the_same_after_a_restart(server: LiveServer, set_free: SetFree) -> None:
    await server.add_input()
    publication = await server.connect()
    tags = stream(60.0)
    server.send(publication, (tag for tag in tags if tag.timestamp < 10_000))
    set_free(LIMITS.record_free - 1)
    server.after(SPACE_INTERVAL)
    server.send(publication, (tag for tag in tags if tag.timestamp >= 10_000))

    await server.restart()

    assert server.phase is None
    (recording,) = server.recordings.page(INPUT)
    assert recording.duration == pytest.approx(9.0, abs=0.1)


async def test_a_full_disk_disconnects_the_encoders_with_the_reason(server: LiveServer, set_free: SetFree) -> None:
    await server.add_input()
    publication = await server.connect()
    server.send(publication, stream(6.0))
    set_free(LIMITS.live_free - 1)

    server.after(SPACE_INTERVAL)

    assert server.closed == [Refusal.DISK_FULL]
    assert len(server.recordings) == 1
    with pytest.raises(PublishRefused, match="nearly full: 63 MiB free"):
        await server.connect()


async def test_a_broadcast_that_fails_to_end_on_a_full_disk_does_not_stop_the_others_from_ending(
    server: LiveServer, set_free: SetFree, monkeypatch: pytest.MonkeyPatch
) -> None:
    await server.add_input()
    other = await server.add_input(uid="ef" * 16, key="another")
    for publication in (await server.connect(), await server.connect("another")):
        server.send(publication, stream(6.0))

    close, failures = Pipeline.close, [RuntimeError("a fault of ours")]

    def fail(pipeline: Pipeline) -> None:
        if failures:
            raise failures.pop()
        close(pipeline)

    set_free(LIMITS.live_free - 1)
    with capture_logs(), monkeypatch.context() as patched:
        patched.setattr(Pipeline, "close", fail)
        server.after(SPACE_INTERVAL)

    assert server.broadcasts.session(other.uid) is server.broadcasts.session(INPUT) is None
    assert len(server.recordings) == 2


async def test_an_input_at_rest_says_whether_a_broadcast_could_begin(server: LiveServer, set_free: SetFree) -> None:
    await server.add_input()
    set_free(LIMITS.min_free)
    assert server.broadcasts.recording(INPUT) is None
    set_free(LIMITS.min_free - 1)
    server.after(SPACE_INTERVAL)
    assert server.broadcasts.recording(INPUT) is RecordingState.REFUSED_DISK_FULL
    set_free(LIMITS.min_free)
    server.after(SPACE_INTERVAL)
    await server.connect()
    assert server.broadcasts.recording(INPUT) is RecordingState.ON


async def test_the_free_space_is_read_seldom(server: LiveServer, disk: SmallDisk) -> None:
    server.after(60)
    assert disk.checks == 0
    await server.add_input()
    await server.connect()
    for _ in range(40):
        server.after(0.25)
    assert disk.checks == 2 + 1
