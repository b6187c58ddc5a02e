"""What a live MPD says about time: the seekable range, and where the timeline begins and ends."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from xml.etree import ElementTree

import pytest

from providers.local.manifest import dash
from providers.local.manifest.views import BroadcastView
from providers.local.storage.broadcast import Broadcast
from providers.local.storage.disk import DiskBackend
from providers.local.storage.storage import Storage, StorageLimits
from tests.simulated_packager import SimulatedPackager, info


@pytest.fixture
def broadcast(tmp_path: Path) -> Iterator[Broadcast]:
    storage = Storage(DiskBackend(tmp_path, sync=False), StorageLimits(min_free=0))
    yield storage.begin(info())
    storage.close()


def depth(broadcast: Broadcast, packager: SimulatedPackager, segments: int) -> float | None:
    """Return the MPD's timeShiftBufferDepth, in seconds, after so many more segments of two seconds."""
    for _ in range(segments):
        for event in packager.segment(2.0, 1):
            broadcast.write("source", event)
    mpd = dash.live_mpd(broadcast.view(live=True), packager.wall, segments="", location="l", clock="c")
    found = re.search(r'timeShiftBufferDepth="PT([0-9.]+)S"', mpd)
    return float(found[1]) if found else None


def test_a_broadcast_that_is_listed_from_its_beginning_has_no_depth_to_fall_out_of(broadcast: Broadcast) -> None:
    packager = SimulatedPackager()
    assert depth(broadcast, packager, 1) is None
    assert depth(broadcast, packager, 5) is None


def test_an_encoder_that_comes_back_does_not_shorten_what_is_listed_from_the_beginning(broadcast: Broadcast) -> None:
    packager = SimulatedPackager()
    assert depth(broadcast, packager, 2) is None
    packager.restart(5.0)
    assert depth(broadcast, packager, 2) is None


def test_the_depth_is_the_window_once_the_beginning_has_left_it(broadcast: Broadcast) -> None:
    assert depth(broadcast, SimulatedPackager(), 40) == pytest.approx(24.0, abs=2.0)


def test_no_segment_is_longer_than_the_longest_that_is_promised(broadcast: Broadcast) -> None:
    packager = SimulatedPackager()
    for seconds in (2.0, 2.4):
        for event in packager.segment(seconds, 1):
            broadcast.write("source", event)
    mpd = dash.live_mpd(broadcast.view(live=True), packager.wall, segments="", location="l", clock="c")
    promised = re.search(r'maxSegmentDuration="PT([0-9.]+)S"', mpd)
    assert promised is not None and float(promised[1]) >= 2.4


TEMPLATE = "{urn:mpeg:dash:schema:mpd:2011}SegmentTemplate"


def attribute(mpd: str, name: str) -> float:
    """Return a duration of the MPD, in seconds."""
    found = re.search(rf'{name}="PT([0-9.]+)S"', mpd)
    assert found is not None
    return float(found[1])


def times(mpd: str) -> tuple[float, list[float], float]:
    """Return availabilityStartTime as Unix time, the starts of the Periods, and the end of the shortest track."""
    root = ElementTree.fromstring(mpd)  # noqa: S314 (our own)
    periods = root.findall("{*}Period")
    starts = [float(period.attrib["start"].strip("PTS")) for period in periods]
    ends = []
    for template in periods[-1].iter(TEMPLATE):
        at = 0
        for each in template[0]:
            at = int(each.get("t", at)) + int(each.attrib["d"]) * (1 + int(each.get("r", 0)))
        ends.append((at - int(template.attrib["presentationTimeOffset"])) / int(template.attrib["timescale"]))
    began = datetime.fromisoformat(root.attrib["availabilityStartTime"]).timestamp()
    return began, starts, starts[-1] + min(ends)


def write(broadcast: Broadcast, packager: SimulatedPackager, segments: int) -> None:
    for _ in range(segments):
        for event in packager.segment(2.0, 1):
            broadcast.write("source", event)


@pytest.mark.parametrize("tail", [0, 40], ids=["from the beginning", "from within a Period"])
@pytest.mark.parametrize("drop", [0, 3, 5], ids=["", "soon after a drop", "after a drop"])
def test_the_last_mpd_begins_with_its_first_segment_and_ends_with_its_shortest_track(
    broadcast: Broadcast, tail: int, drop: int
) -> None:
    """shaka-player needs both to reach the end. Its timeline goes on from where that segment was."""
    packager = SimulatedPackager()
    write(broadcast, packager, 5)
    if drop:
        packager.restart(5.0)
        write(broadcast, packager, drop)
    write(broadcast, packager, tail)
    live = dash.live_mpd(broadcast.view(live=True), packager.wall, segments="", location="l", clock="c")
    broadcast.finish(packager.wall)
    last = dash.live_mpd(broadcast.view(live=True), packager.wall, segments="", location="l", clock="c")

    began, starts, end = times(last)
    # Once all players are in the last Period, it is the only one: dash.js does not end otherwise.
    assert (began, starts[1:]) == (times(live)[0], times(live)[1][1:] if drop == 3 else [])
    assert 'type="static"' in last
    assert 0 < end - starts[0] - attribute(last, "mediaPresentationDuration") < 0.003
    assert attribute(last, "timeShiftBufferDepth") == pytest.approx(end - starts[0], abs=0.1)
    first = ElementTree.fromstring(last).find("{*}Period")  # noqa: S314 (our own)
    assert first is not None
    begins = [
        (int(each[0][0].attrib["t"]) - int(each.attrib["presentationTimeOffset"])) / int(each.attrib["timescale"])
        for each in first.iter(TEMPLATE)
    ]
    assert min(begins) == pytest.approx(0.0, abs=0.001)


def test_a_track_that_ended_long_before_does_not_shorten_the_last_mpd(broadcast: Broadcast) -> None:
    packager = SimulatedPackager()
    write(broadcast, packager, 4)
    broadcast.finish(packager.wall)
    view = broadcast.view(live=True)
    assert len(view.tracks) == 2
    early = replace(view, tracks=[view.tracks[0], replace(view.tracks[1], segments=view.tracks[1].segments[:2])])

    def length(each: BroadcastView) -> float:
        return attribute(dash.live_mpd(each, 0.0, segments="", location="l", clock="c"), "mediaPresentationDuration")

    assert length(view) == pytest.approx(8.0, abs=0.1)
    assert length(early) == pytest.approx(8.0, abs=0.1)
