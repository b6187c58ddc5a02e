"""Which tracks the live manifests offer."""

from __future__ import annotations

from pathlib import Path

import pytest

from providers.local.mp4.tracks import TrackKind
from providers.local.storage.broadcast import Broadcast
from providers.local.storage.disk import DiskBackend
from providers.local.storage.playable import LEFT_AFTER
from providers.local.storage.storage import Storage, StorageLimits
from tests.simulated_packager import SimulatedPackager, info

VIDEO, AUDIO = TrackKind.VIDEO, TrackKind.AUDIO


@pytest.fixture
def broadcast(tmp_path: Path) -> Broadcast:
    return Storage(DiskBackend(tmp_path, sync=False), StorageLimits(min_free=0)).begin(info())


def push(broadcast: Broadcast, count: int, *tracks: TrackKind) -> None:
    """Segments of an encoder that has just connected and sends these tracks."""
    packager = SimulatedPackager(broadcast.resume("source", joins=False), tracks=tracks)
    for _ in range(count):
        for event in packager.segment():
            broadcast.write("source", event)


@pytest.mark.parametrize(
    ("tracks", "name"), [((VIDEO, AUDIO), "audio+video"), ((VIDEO,), "video"), ((AUDIO,), "audio"), ((), None)]
)
def test_the_tracks_have_one_name_together(
    broadcast: Broadcast, tracks: tuple[TrackKind, ...], name: str | None
) -> None:
    if tracks:
        push(broadcast, 1, *tracks)
    assert broadcast.live_tracks == name


def test_a_track_that_joins_is_offered_with_its_first_segment(broadcast: Broadcast) -> None:
    push(broadcast, 2, AUDIO)
    push(broadcast, 1, VIDEO, AUDIO)
    assert broadcast.live_tracks == "audio+video"


def test_a_track_that_the_next_encoder_does_not_send_is_offered_no_longer_but_stays_recorded(
    broadcast: Broadcast,
) -> None:
    push(broadcast, 2, VIDEO, AUDIO)
    push(broadcast, LEFT_AFTER - 1, VIDEO)
    assert broadcast.live_tracks == "audio+video"
    push(broadcast, 1, VIDEO)

    assert broadcast.live_tracks == "video"
    assert [each.kind for each in broadcast.view(live=True).tracks] == [VIDEO]
    assert {each.kind for each in broadcast.view(live=False).tracks} == {VIDEO, AUDIO}


def test_a_track_that_comes_back_is_offered_again(broadcast: Broadcast) -> None:
    push(broadcast, 2, VIDEO, AUDIO)
    push(broadcast, 2, VIDEO)
    push(broadcast, 1, VIDEO, AUDIO)
    assert broadcast.live_tracks == "audio+video"
