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
from providers.local.live.refusals import PublishRefused, Refusal
from providers.local.manifest import hls
from providers.local.packager.events import TrackKind
from providers.local.storage.disk import DiskBackend
from providers.local.storage.storage import StorageLimits
from providers.local.transcoder.renditions import SOURCE_NAME
from service.concurrency.tasks import Tasks
from tests.strict_playlist import read_media
from tests.unit.providers.local.live.test_registry import INPUT, Stage
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
def stage(tmp_path: Path, spawn: Spawn, disk: SmallDisk) -> Stage:
    return Stage(tmp_path, spawn, LIMITS, disk)


@pytest.fixture
def spawn(tasks: Tasks) -> Spawn:
    return tasks.spawn


@pytest.fixture
def set_free(disk: SmallDisk) -> SetFree:
    def set_free(free: int) -> None:
        disk.free = free

    return set_free


async def test_a_disk_that_is_nearly_full_ends_the_recording_and_not_the_show(stage: Stage, set_free: SetFree) -> None:
    await stage.add_input(reconnect_timeout=30)
    publication = await stage.connect()
    tags = stream(180.0)
    stage.send(publication, (tag for tag in tags if tag.timestamp < 10_000))
    stage.after(SPACE_INTERVAL)
    set_free(LIMITS.record_free - 1)
    with capture_logs() as logs:
        stage.after(SPACE_INTERVAL)
        stage.after(SPACE_INTERVAL)
    assert [each["event"] for each in logs] == ["recording stopped, disk nearly full"]
    session = stage.broadcasts.session(INPUT)
    assert session is not None
    told = (session.state().recording, session.health().recording, stage.broadcasts.recording(INPUT))
    assert set(told) == {RecordingState.STOPPED_DISK_FULL}
    until_then = len(stage.running.tracks[SOURCE_NAME, TrackKind.VIDEO].segments)
    stage.send(publication, (tag for tag in tags if tag.timestamp >= 10_000))

    broadcast = stage.running
    assert stage.phase is Phase.LIVE
    listed = read_media(hls.live_playlist(broadcast.view(live=True), broadcast.view(live=True).tracks[0], ""))
    assert all(broadcast.files.size(segment.uri) for segment in listed.segments)
    assert listed.segments[-1].sequence > 80
    files = [name for name in broadcast.files.names() if name.startswith("source-video-") and name.endswith(".m4s")]
    assert len(files) < until_then + 2 * len(listed.segments) + 2

    publication.ended("closed")
    stage.after(DEFAULT_RECONNECT_TIMEOUT)
    (recording,) = stage.recordings.page(INPUT)
    assert recording.duration == pytest.approx(9.0, abs=0.1)
    shown = await stage.storage.open(recording.uid)
    assert shown is not None
    for track in shown.view(live=False).tracks:
        playlist = read_media(hls.vod_playlist(track, ""))
        assert all(broadcast.files.size(segment.uri) for segment in playlist.segments)
        assert sum(segment.duration for segment in playlist.segments) == pytest.approx(9.0, abs=0.1)


async def test_a_recording_that_was_stopped_is_the_same_after_a_restart(stage: Stage, set_free: SetFree) -> None:
    await stage.add_input()
    publication = await stage.connect()
    tags = stream(60.0)
    stage.send(publication, (tag for tag in tags if tag.timestamp < 10_000))
    set_free(LIMITS.record_free - 1)
    stage.after(SPACE_INTERVAL)
    stage.send(publication, (tag for tag in tags if tag.timestamp >= 10_000))

    await stage.restart()

    assert stage.phase is None
    (recording,) = stage.recordings.page(INPUT)
    assert recording.duration == pytest.approx(9.0, abs=0.1)


async def test_a_full_disk_sends_the_encoders_away_and_says_why(stage: Stage, set_free: SetFree) -> None:
    await stage.add_input()
    publication = await stage.connect()
    stage.send(publication, stream(6.0))
    set_free(LIMITS.live_free - 1)

    stage.after(SPACE_INTERVAL)

    assert stage.closed == [Refusal.DISK_FULL]
    assert len(stage.recordings) == 1
    with pytest.raises(PublishRefused, match="nearly full: 63 MiB free"):
        await stage.connect()


async def test_a_broadcast_that_fails_to_end_on_a_full_disk_does_not_stop_the_others_from_ending(
    stage: Stage, set_free: SetFree, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.add_input()
    other = await stage.add_input(uid="ef" * 16, key="another")
    for publication in (await stage.connect(), await stage.connect("another")):
        stage.send(publication, stream(6.0))

    close, failures = Pipeline.close, [RuntimeError("a fault of ours")]

    def fail(pipeline: Pipeline) -> None:
        if failures:
            raise failures.pop()
        close(pipeline)

    set_free(LIMITS.live_free - 1)
    with capture_logs(), monkeypatch.context() as patched:
        patched.setattr(Pipeline, "close", fail)
        stage.after(SPACE_INTERVAL)

    assert stage.broadcasts.session(other.uid) is stage.broadcasts.session(INPUT) is None
    assert len(stage.recordings) == 2


async def test_an_input_at_rest_says_whether_a_broadcast_could_begin(stage: Stage, set_free: SetFree) -> None:
    await stage.add_input()
    set_free(LIMITS.min_free)
    assert stage.broadcasts.recording(INPUT) is None
    set_free(LIMITS.min_free - 1)
    stage.after(SPACE_INTERVAL)
    assert stage.broadcasts.recording(INPUT) is RecordingState.REFUSED_DISK_FULL
    set_free(LIMITS.min_free)
    stage.after(SPACE_INTERVAL)
    await stage.connect()
    assert stage.broadcasts.recording(INPUT) is RecordingState.ON


async def test_the_free_space_is_read_seldom(stage: Stage, disk: SmallDisk) -> None:
    stage.after(60)
    assert disk.checks == 0
    await stage.add_input()
    await stage.connect()
    for _ in range(40):
        stage.after(0.25)
    assert disk.checks == 2 + 1
