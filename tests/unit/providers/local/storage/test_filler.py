"""A track that joins a broadcast late has silence, or its first keyframe, for all that the other track has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from providers.local.flv.tag import FlvTag, TagKind
from providers.local.manifest import dash, hls
from providers.local.mp4.tracks import TrackKind
from providers.local.packager.cutting import PackagerSettings
from providers.local.packager.events import PackagerEvent, TrackInit
from providers.local.packager.missing import MAX_MISSING
from providers.local.packager.packager import Packager
from providers.local.storage.broadcast import Broadcast
from providers.local.storage.disk import DiskBackend
from providers.local.storage.storage import Storage, StorageLimits
from tests.simulated_packager import UID, SimulatedPackager, info, media_size
from tests.strict_playlist import read_media
from tests.unit.providers.local.packager.rewriting import without
from tests.unit.providers.local.packager.tags import (
    ARRIVED,
    SILENCE,
    audio_frames,
    audio_header,
    frames,
    metadata,
    samples,
    stream,
    video_header,
)

AUDIO = ("source", TrackKind.AUDIO)
VIDEO = ("source", TrackKind.VIDEO)

ONLY_VIDEO = [video_header(), *frames(0, 5.0)]
ONLY_AUDIO = [metadata(), audio_header(), *audio_frames(0, 5.0)]
ONLY = pytest.mark.parametrize("only", [ONLY_VIDEO, ONLY_AUDIO], ids=["video", "audio"])


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[Storage]:
    storage = Storage(DiskBackend(tmp_path, sync=False), StorageLimits(min_free=0))
    yield storage
    storage.close()


@pytest.fixture
def broadcast(storage: Storage) -> Broadcast:
    return storage.begin(info())


def connect(broadcast: Broadcast, tags: list[FlvTag], after: float) -> None:
    """One connection of an encoder, `after` so many seconds."""
    packager = Packager(PackagerSettings(), broadcast.resume("source", joins=False))
    for tag in tags:
        for event in packager.feed(tag, ARRIVED + after):
            broadcast.write("source", event)
    for event in packager.flush():
        broadcast.write("source", event)


def assert_alike(broadcast: Broadcast, seconds: float) -> None:
    """Both tracks have the same periods and last as long, without a hole, and every segment has the media it names."""
    video, audio = broadcast.tracks[VIDEO], broadcast.tracks[AUDIO]
    assert {each.discontinuity for each in audio.segments} == {each.discontinuity for each in video.segments}
    for track, scale in ((video, 90_000), (audio, 48_000)):
        playlist = read_media(hls.vod_playlist(track.view(live=False), ""))
        assert [each.sequence for each in track.segments] == list(range(len(track.segments)))
        assert len(playlist.segments) == len(track.segments)
        assert sum(track.view(live=False).spans(track.segments)) == pytest.approx(seconds, abs=0.1)
        for one, two in zip(track.segments, track.segments[1:], strict=False):
            assert 0 <= two.decode_time - one.decode_time - one.duration < 0.025 * scale
        for each in track.segments:
            if track.filling(each.sequence):
                found = samples(track.read(each))
                assert found[0].decode_time == each.decode_time
                assert sum(sample.duration for sample in found) == each.duration
                assert all(sample.sync for sample in found)
                assert (found[0].data == SILENCE) is (track is audio)
        stored = media_size(broadcast.files, f"{track.name}-")
        assert stored == sum(each.size for each in track.segments)


@ONLY
@pytest.mark.parametrize("count", [1, 2], ids=["one connection", "two"])
@pytest.mark.parametrize("first", [False, True], ids=["none before", "both tracks before"])
async def test_connections_with_one_track_are_filled_once_the_other_joins(
    storage: Storage, broadcast: Broadcast, only: list[FlvTag], count: int, first: bool
) -> None:
    connections = [stream(5.0)] * first + [only] * count + [stream(5.0)]
    for at, tags in enumerate(connections):
        connect(broadcast, tags, at * 20.0)

    assert_alike(broadcast, 5.0 * len(connections))
    assert dash.vod_mpd(broadcast.view(live=False), "").count("<Period ") == 1
    listed = {name: track.view(live=False) for name, track in broadcast.tracks.items()}
    broadcast.finish(ARRIVED)
    again = await storage.open(UID)
    assert again is not None
    for name, view in listed.items():
        track = again.tracks[name]
        assert (track.segments, track.inits) == (view.segments, view.inits)
        assert [track.read(each) for each in track.segments]


@ONLY
def test_a_jump_of_the_clock_before_the_other_track_joins_is_filled_too(
    broadcast: Broadcast, only: list[FlvTag]
) -> None:
    later = [each._replace(timestamp=each.timestamp + 600_000) for each in stream(12.0)]
    joins = TagKind.AUDIO if only is ONLY_VIDEO else TagKind.VIDEO
    connect(broadcast, [*only, *without(later, joins, 0, 608_000)], 0.0)

    assert_alike(broadcast, 17.0)


@ONLY
def test_a_broadcast_that_was_filled_is_recovered_after_a_crash(
    storage: Storage, broadcast: Broadcast, only: list[FlvTag]
) -> None:
    connect(broadcast, only, 0.0)
    connect(broadcast, stream(5.0), 20.0)
    listed = {name: track.view(live=False) for name, track in broadcast.tracks.items()}
    broadcast.suspend()

    (again,) = storage.recover()

    assert {name: track.segments for name, track in again.tracks.items()} == {
        name: view.segments for name, view in listed.items()
    }
    connect(again, stream(5.0), 40.0)
    assert_alike(again, 15.0)


def test_without_its_filler_a_track_ends_before_what_it_filled(
    storage: Storage, broadcast: Broadcast, tmp_path: Path
) -> None:
    connect(broadcast, stream(5.0), 0.0)
    kept = len(broadcast.tracks[AUDIO].segments)
    connect(broadcast, ONLY_VIDEO, 20.0)
    connect(broadcast, stream(5.0), 40.0)
    broadcast.suspend()
    next(tmp_path.rglob("source-audio-filler-*")).unlink()

    (again,) = storage.recover()

    assert len(again.tracks[AUDIO].segments) == kept
    assert len(again.tracks[VIDEO].segments) > kept


@ONLY
@pytest.mark.parametrize("recorded", [0, 1], ids=["from the start", "later"])
def test_a_track_that_joins_after_the_recording_has_stopped_is_filled_in_the_live_window(
    broadcast: Broadcast, only: list[FlvTag], recorded: int
) -> None:
    for at in range(recorded):
        connect(broadcast, only, at * 20.0)
    kept = broadcast.seconds
    broadcast.stop_recording()
    connect(broadcast, only, 20.0)
    connect(broadcast, stream(5.0), 40.0)

    assert {name: track.segments[-1].sequence + 1 for name, track in broadcast.tracks.items()} == {
        name: len(track.segments) for name, track in broadcast.tracks.items()
    }
    video, audio = (broadcast.tracks[each] for each in (VIDEO, AUDIO))
    assert {each.discontinuity for each in audio.segments} == {each.discontinuity for each in video.segments}
    for track, scale in ((video, 90_000), (audio, 48_000)):
        for one, two in zip(track.segments, track.segments[1:], strict=False):
            assert 0 <= two.decode_time - one.decode_time - one.duration < 0.025 * scale
    assert {each.kind for each in broadcast.view(live=True).tracks} == {TrackKind.VIDEO, TrackKind.AUDIO}
    assert broadcast.seconds == kept


@ONLY
def test_with_one_track_there_is_no_other(broadcast: Broadcast, only: list[FlvTag]) -> None:
    connect(broadcast, only, 0.0)
    connect(broadcast, only, 20.0)

    assert len(broadcast.tracks) == 1


def test_a_track_that_joins_after_hours_is_filled_with_two_files(broadcast: Broadcast) -> None:
    video = SimulatedPackager(tracks=(TrackKind.VIDEO,))
    for _ in range(2_000):
        for event in video.segment(parts=1):
            broadcast.write("source", event)
    before = set(broadcast.files.names())

    for event in joining(broadcast, 10.0):
        broadcast.write("source", event)

    track = broadcast.tracks[AUDIO]
    assert set(broadcast.files.names()) - before == {"source-audio-init-1.mp4", "source-audio-filler-1.bin"}
    assert len(track.segments) == 2_000 < MAX_MISSING
    assert track.segments[-1].sequence + 1 == track.next_sequence


def joining(broadcast: Broadcast, seconds: float) -> list[PackagerEvent]:
    """Return how the audio begins of an encoder that has just connected."""
    packager = Packager(PackagerSettings(), broadcast.resume("source", joins=False))
    events = [event for tag in stream(seconds) for event in packager.feed(tag, ARRIVED + 5_000.0)]
    return [next(each for each in events if isinstance(each, TrackInit) and each.track is TrackKind.AUDIO)]


def test_the_numbers_of_a_track_have_no_gap_even_if_the_other_is_ahead(broadcast: Broadcast) -> None:
    """Three segments to fill, of which the newest begins after the track that joins."""
    video = SimulatedPackager(tracks=(TrackKind.VIDEO,))
    for _ in range(3):
        for event in video.segment():
            broadcast.write("source", event)
    init = next(iter(joining(broadcast, 10.0)))
    assert isinstance(init, TrackInit)

    broadcast.write("source", replace(init, start=round(3.5 * 48_000)))

    track = broadcast.tracks[AUDIO]
    assert [each.sequence for each in track.segments] == [0, 1, 2]
    ends = [each.decode_time + each.duration for each in track.segments]
    assert [each.decode_time for each in track.segments[1:]] == ends[:-1]
    assert 0 <= round(3.5 * 48_000) - ends[-1] < 1024
