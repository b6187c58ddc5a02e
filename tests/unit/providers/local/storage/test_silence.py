"""Audio that joins a broadcast late begins with silence, so that its playlist has what the video's has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from providers.local.flv.tag import FlvTag
from providers.local.manifest import dash, hls
from providers.local.packager.cutting import PackagerSettings
from providers.local.packager.events import TrackKind
from providers.local.packager.packager import Packager
from providers.local.storage.broadcast import Broadcast
from providers.local.storage.disk import DiskBackend
from providers.local.storage.storage import Storage, StorageLimits
from tests.simulated_packager import info, media_size
from tests.strict_playlist import read_media
from tests.unit.providers.local.packager.tags import ARRIVED, frames, stream, video_header

AUDIO = ("source", TrackKind.AUDIO)
VIDEO = ("source", TrackKind.VIDEO)


@pytest.fixture
def broadcast(tmp_path: Path) -> Iterator[Broadcast]:
    storage = Storage(DiskBackend(tmp_path, sync=False), StorageLimits(min_free=0))
    yield storage.begin(info())
    storage.close()


def connect(broadcast: Broadcast, tags: list[FlvTag], after: float) -> None:
    """One connection of an encoder, `after` so many seconds."""
    packager = Packager(PackagerSettings(), broadcast.resume("source", joins=False))
    for tag in tags:
        for event in packager.feed(tag, ARRIVED + after):
            broadcast.write("source", event)
    for event in packager.flush():
        broadcast.write("source", event)


SILENT = [video_header(), *frames(0, 5.0)]


@pytest.mark.parametrize("silent", [1, 2], ids=["one connection without audio", "two"])
@pytest.mark.parametrize("first", [False, True], ids=["none before", "audio before"])
def test_the_connections_without_audio_have_silence_once_audio_comes(
    broadcast: Broadcast, silent: int, first: bool
) -> None:
    connections = [stream(5.0)] * first + [SILENT] * silent + [stream(5.0)]
    for at, tags in enumerate(connections):
        connect(broadcast, tags, at * 20.0)

    video, audio = broadcast.tracks[VIDEO], broadcast.tracks[AUDIO]
    assert [each.sequence for each in audio.segments] == list(range(len(audio.segments)))
    assert {each.discontinuity for each in audio.segments} == {each.discontinuity for each in video.segments}
    for track in (video, audio):
        playlist = read_media(hls.vod_playlist(track.view(live=False), ""))
        assert sum(track.view(live=False).spans(track.segments)) == pytest.approx(5.0 * len(connections), abs=0.05)
        assert len(playlist.segments) == len(track.segments)
    for one, two in zip(audio.segments, audio.segments[1:], strict=False):
        assert 0 <= two.decode_time - one.decode_time - one.duration < 1024
    size = media_size(broadcast.files, "source-audio-")
    assert size == sum(each.size for each in audio.segments)
    assert dash.vod_mpd(broadcast.view(live=False), "").count("<Period ") == 1


def test_without_audio_there_is_no_audio(broadcast: Broadcast) -> None:
    connect(broadcast, SILENT, 0.0)
    connect(broadcast, SILENT, 20.0)

    assert AUDIO not in broadcast.tracks
