"""Whatever happens to a broadcast, its playlists keep the rules of HLS from one load to the next."""

from __future__ import annotations

import tempfile
from itertools import accumulate
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.base import LatencyMode
from providers.local.flv.tag import FlvTag
from providers.local.live.registry import SEGMENT_TARGET
from providers.local.live.rendition import RenditionWriter
from providers.local.live.stored_broadcasts import PART_TARGET
from providers.local.manifest import dash, hls
from providers.local.mp4.tracks import TrackKind
from providers.local.packager.cutting import PackagerSettings
from providers.local.packager.events import SegmentEnd
from providers.local.storage.broadcast import Broadcast
from providers.local.storage.disk import DiskBackend
from providers.local.storage.storage import Storage, StorageLimits
from tests.simulated_packager import EPOCH, SimulatedPackager, info
from tests.strict_playlist import MediaPlaylist, check_delta, check_parts_are_full, check_reload, read_media
from tests.unit.providers.local.packager.tags import audio_frames, audio_header, frame, video_header

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("segment"), st.sampled_from([0.1, 0.5, 1.0, 2.0, 2.4]), st.integers(1, 5)),
        st.tuples(st.just("drop"), st.sampled_from([0.0, 5.0, 20.0]), st.just(0)),
        st.tuples(st.just("crash"), st.just(3.0), st.just(0)),
    ),
    min_size=1,
    max_size=40,
)


@st.composite
def irregular_streams(draw: st.DrawFn) -> list[FlvTag]:
    """Sound without a break, and pictures whenever they like: late, of any rate, with holes, or slower than one a second."""
    usual = draw(st.sampled_from([17, 33, 40, 100, 200, 333, 500, 1_000, 1_700]))
    steps = draw(
        st.lists(st.sampled_from([usual] * 6 + [usual * 2, 70, 900, 2_480, 3_000, 9_000, 13_000]), max_size=60)
    )
    every = draw(st.sampled_from([1, 7, 30, 1_000]))
    times = list(accumulate([0, *[usual] * draw(st.integers(1, 60)), *steps]))
    late = draw(st.sampled_from([0, 0, 300, 6_500]))
    video_frames = [frame(late + time, key=number % every == 0) for number, time in enumerate(times)]
    media = sorted([*video_frames, *audio_frames(0, (late + times[-1]) / 1000)], key=lambda tag: tag.timestamp)
    return [video_header(), audio_header(), *media]


@settings(max_examples=60, deadline=None)
@given(tags=irregular_streams(), mode=st.sampled_from([LatencyMode.STANDARD, LatencyMode.LOW]))
def test_no_playlist_promises_less_than_a_segment_or_a_part_is_long(tags: list[FlvTag], mode: LatencyMode) -> None:
    part_target = PART_TARGET[mode]
    with tempfile.TemporaryDirectory() as folder:
        storage = Storage(DiskBackend(Path(folder), sync=False), StorageLimits(min_free=0))
        broadcast = storage.begin(info(mode=mode, part_target=part_target))
        cut = PackagerSettings(SEGMENT_TARGET[mode], part_target, low_latency=mode is LatencyMode.LOW)
        writer = RenditionWriter("source", broadcast, cut)
        before: dict[str, MediaPlaylist] = {}
        for tag in tags:
            if not writer.feed(tag, EPOCH + tag.timestamp / 1000):
                continue
            after = load(broadcast)
            for name, playlist in before.items():
                check_reload(playlist, after[name])
                assert playlist.part_target == after[name].part_target
                check_parts_are_full(after[name])
            before = after
        writer.flush()
        load(broadcast)
        broadcast.finish(EPOCH)
        storage.close()


def load(broadcast: Broadcast) -> dict[str, MediaPlaylist]:
    view = broadcast.view(live=True)
    found = {track.name: read_media(hls.live_playlist(view, track, "../segments/")) for track in view.tracks}
    if not view.ended:
        for track in view.tracks:
            check_delta(found[track.name], read_media(hls.live_playlist(view, track, "../segments/", delta=True)))
    return found


@settings(max_examples=60, deadline=None)
@given(
    steps=STEPS,
    mode=st.sampled_from(LatencyMode),
    tracks=st.sampled_from([(k,) for k in TrackKind] + [tuple(TrackKind)]),
)
def test_a_live_playlist_keeps_the_rules_through_drops_and_restarts(
    steps: list[tuple[str, float, int]], mode: LatencyMode, tracks: tuple[TrackKind, ...]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        storage = Storage(DiskBackend(Path(folder), sync=False), StorageLimits(min_free=0))
        broadcast = storage.begin(info(mode=mode, part_target=2.5))
        packager = SimulatedPackager(tracks=tracks)
        before = load(broadcast)
        for step, seconds, parts in steps:
            if step == "drop":
                broadcast.lost(packager.wall)
                packager.restart(seconds)
                broadcast.resumed(packager.wall)
            elif step == "crash":
                broadcast.suspend()
                (broadcast,) = storage.recover()
                packager = SimulatedPackager(broadcast.resume("source"), tracks=tracks, at=packager.wall + seconds)
            else:
                for event in packager.segment(seconds, parts):
                    broadcast.write("source", event)
                    after = load(broadcast)
                    for name, playlist in before.items():
                        check_reload(playlist, after[name])
                        assert not after[name].ended
                    before = after
        recording = broadcast.finish(packager.wall)
        for name, playlist in load(broadcast).items():
            check_reload(before[name], playlist)
            assert playlist.ended
        assert (recording is None) == all(step != "segment" for step, _, _ in steps)
        storage.close()


@settings(max_examples=40, deadline=None)
@given(steps=STEPS)
def test_every_manifest_lists_only_what_is_on_the_disk_and_the_recording_lists_all_of_it(
    steps: list[tuple[str, float, int]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        storage = Storage(DiskBackend(Path(folder), sync=False), StorageLimits(min_free=0))
        broadcast = storage.begin(info())
        packager = SimulatedPackager()
        pushed = {kind: 0 for kind in TrackKind}
        for step, seconds, parts in steps:
            if step != "segment":
                packager.restart(seconds)
                continue
            for event in packager.segment(seconds, parts):
                broadcast.write("source", event)
                if isinstance(event, SegmentEnd):
                    pushed[event.track] += event.duration
            mpd = ElementTree.fromstring(  # noqa: S314 - our own text
                dash.live_mpd(broadcast.view(live=True), EPOCH, segments="", location="l", clock="c")
            )
            for name in listed_in_mpd(mpd):
                assert (broadcast.files.size(name) or 0) > 0
        if broadcast.finish(packager.wall) is None:
            return
        view = broadcast.view(live=False)
        for track in view.tracks:
            playlist = read_media(hls.vod_playlist(track, ""))
            assert playlist.vod and playlist.ended
            assert sum(segment.duration for track_ in [playlist] for segment in track_.segments) * track.inits[
                track.segments[0].discontinuity
            ].timescale == pytest.approx(pushed[track.kind], abs=1)
            for segment in playlist.segments:
                assert (broadcast.files.size(segment.uri) or 0) > 0
        storage.close()


NS = "{urn:mpeg:dash:schema:mpd:2011}"


def listed_in_mpd(mpd: ElementTree.Element) -> list[str]:
    """Return the file names an MPD leads to."""
    found: list[str] = []
    for template in mpd.iter(f"{NS}SegmentTemplate"):
        found.append(template.attrib["initialization"])
        number = int(template.attrib["startNumber"])
        for s in template.iter(f"{NS}S"):
            for _ in range(int(s.get("r", "0")) + 1):
                found.append(template.attrib["media"].replace("$Number$", str(number)))
                number += 1
    return found
