"""A recording over several connections of an encoder: what manifests say of the moments between them."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from providers.local.manifest import dash, hls
from providers.local.manifest.views import MAX_HOLE, BroadcastView, InitView, SegmentView, TrackView, utc
from providers.local.mp4.tracks import TrackKind
from tests.simulated_packager import info
from tests.strict_playlist import read_media

SCALES = {TrackKind.VIDEO: 90_000, TrackKind.AUDIO: 48_000}
CODECS = {TrackKind.VIDEO: "avc1.640028", TrackKind.AUDIO: "mp4a.40.2"}


def track(kind: TrackKind, *runs: list[tuple[float, float]]) -> TrackView:
    """Return a track of these runs of segments, each from and until these seconds; a run is a period of the same format."""
    scale, segments, sequence = SCALES[kind], [], 0
    for discontinuity, run in enumerate(runs):
        for start, end in run:
            begin = round(start * scale)
            segments.append(
                SegmentView(
                    sequence, discontinuity, begin, round(end * scale) - begin, True, 1_700_000_000.0 + start, 9
                )
            )
            sequence += 1
    starts = {each.discontinuity: each for each in reversed(segments)}
    inits = {each: InitView(each, CODECS[kind], scale, digest="same") for each in range(len(runs))}
    return TrackView("source", kind, inits, segments, starts, 1_000, 1_000, {})


def recording(hole: float) -> BroadcastView:
    """Two connections; `hole` is what the first one's tracks lack, before the second begins."""
    video = track(TrackKind.VIDEO, [(0, 2), (2, 4 - hole)], [(4, 6), (6, 8)])
    audio = track(TrackKind.AUDIO, [(0.01, 2), (2, 4 - hole / 2)], [(4.02, 6), (6, 8.01)])
    about = info()
    return BroadcastView(about.uid, about.created, 2, None, True, [video, audio])


@pytest.mark.parametrize("hole", [0.0, 0.011, 0.08, 0.9])
def test_durations_add_up_to_the_time_that_is_played(hole: float) -> None:
    playlists = [hls.vod_playlist(each, "") for each in recording(hole).tracks]

    assert all(len(read_media(each).segments) == 4 for each in playlists)
    sums = [sum(map(float, re.findall(r"#EXTINF:([0-9.]+)", each))) for each in playlists]
    assert sums == pytest.approx([8.0, 8.0], abs=0.0001)


@pytest.mark.parametrize("hole", [0.0, 0.011, 0.08, 0.9])
def test_a_period_has_no_hole_for_players_to_stop_at(hole: float) -> None:
    periods = ElementTree.fromstring(dash.vod_mpd(recording(hole), "")).findall("{*}Period")  # noqa: S314 (our own)

    assert len(periods) == 1
    for timeline in periods[0].iter("{urn:mpeg:dash:schema:mpd:2011}SegmentTimeline"):
        assert [each.get("t") is not None for each in timeline][1:].count(True) == 0


def test_a_long_hole_is_no_part_of_a_segment() -> None:
    periods = ElementTree.fromstring(dash.vod_mpd(recording(MAX_HOLE + 0.1), "")).findall("{*}Period")  # noqa: S314 (our own)

    assert [each.get("duration") for each in periods] == ["PT3.450S", "PT4.010S"]


def test_segments_of_a_live_playlist_have_their_program_times_but_for_the_first_after_a_drop() -> None:
    view = recording(0.08)

    for each in view.tracks:
        drop = each.segments.index(each.starts[1])
        expected = [*each.segments[:drop], *each.segments[drop + 1 :]]
        assert drop > 0
        assert program_times(view, each) == [utc(segment.program_time) for segment in expected]
        assert program_times(view, replace(each, segments=each.segments[drop:])) == [
            utc(segment.program_time) for segment in each.segments[drop + 1 :]
        ]


def test_the_last_live_playlist_has_the_delays_of_those_before() -> None:
    """shaka-player reads it again at the end, and requires them."""
    view = recording(0.08)
    playlists = [
        hls.live_playlist(replace(view, ended=part is None, part_target=part), view.tracks[0], "")
        for part in (0.25, None)
    ]
    delays = [re.findall(r"HOLD-BACK=[0-9.]+", playlist) for playlist in playlists]
    assert delays[0] == delays[1] and len(delays[0]) == 2
    assert "#EXT-X-ENDLIST" in playlists[1]


def test_the_first_segment_after_the_system_clock_was_set_has_its_program_time() -> None:
    view = recording(0.08)

    for each in view.tracks:
        set_clock = replace(each, inits={**each.inits, 1: replace(each.inits[1], clock_correction=-60.0)})
        assert program_times(view, set_clock) == [utc(set_clock.wall_time(segment)) for segment in each.segments]


def program_times(view: BroadcastView, track: TrackView) -> list[str]:
    """Return the program times in the live playlist of `track`."""
    lines = hls.live_playlist(view, track, "").splitlines()
    return [line.partition(":")[2] for line in lines if line.startswith("#EXT-X-PROGRAM-DATE-TIME:")]
