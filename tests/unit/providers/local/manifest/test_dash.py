"""The seekable range that an MPD announces to players."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from providers.local.manifest import dash
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
