"""A broadcast on the storage, from its first part to its recording, and what the disk can do to it."""

from __future__ import annotations

import asyncio
import json
from itertools import accumulate

import pytest

from providers.local.manifest.views import window_start
from providers.local.mp4.tracks import TrackKind
from providers.local.packager.events import Part, SegmentEnd, TrackInit
from providers.local.storage.broadcast import Broadcast
from providers.local.storage.errors import StorageError, StorageFull
from providers.local.storage.index import INDEX_FILE
from providers.local.storage.port import StorageBackend
from providers.local.storage.recordings import RECORDING_FILE, StoredRecording, decode
from providers.local.storage.storage import Storage, StorageLimits
from tests.simulated_packager import EPOCH, UID, SimulatedPackager, info, media_size


@pytest.fixture
def storage(backend: StorageBackend) -> Storage:
    return Storage(backend, StorageLimits(min_free=0))


def push(broadcast: Broadcast, packager: SimulatedPackager, count: int = 1, rendition: str = "source") -> None:
    for _ in range(count):
        for event in packager.segment():
            broadcast.write(rendition, event)


def test_a_full_disk_refuses_a_new_broadcast_with_a_sentence(backend: StorageBackend) -> None:
    with pytest.raises(StorageFull, match="nearly full"):
        Storage(backend, StorageLimits(min_free=1 << 60)).begin(info())


def test_a_uid_is_used_once(storage: Storage) -> None:
    storage.begin(info())
    with pytest.raises(StorageError):
        storage.begin(info())


def test_a_broadcast_is_watchable_with_its_first_segment_in_every_track(storage: Storage) -> None:
    broadcast = storage.begin(info())
    states = []
    for event in SimulatedPackager().segment():
        broadcast.write("source", event)
        states.append(broadcast.watchable)
    assert states == [False] * (len(states) - 1) + [True]


def test_a_track_that_stays_silent_does_not_hold_the_broadcast_up(storage: Storage) -> None:
    broadcast, packager = storage.begin(info()), SimulatedPackager()
    for _ in range(2):
        for event in packager.segment():
            if isinstance(event, TrackInit) or event.track is TrackKind.VIDEO:
                broadcast.write("source", event)
    assert broadcast.watchable


async def test_the_recording_has_the_size_and_duration_of_its_segments(storage: Storage) -> None:
    broadcast = storage.begin(info())
    push(broadcast, SimulatedPackager(), 3)
    recording = broadcast.finish(EPOCH + 6)
    assert recording is not None
    assert recording.size == media_size(broadcast.files)
    assert (recording.duration, recording.width, recording.height) == (6.0, 1280, 720)
    opened = await storage.open(UID)
    assert opened is not None and opened.ended


def test_a_broadcast_without_media_leaves_nothing(storage: Storage, backend: StorageBackend) -> None:
    broadcast = storage.begin(info())
    assert broadcast.finish(EPOCH) is None
    assert backend.list() == []


def test_finishing_twice_changes_nothing(storage: Storage) -> None:
    broadcast = storage.begin(info())
    push(broadcast, SimulatedPackager())
    assert broadcast.finish(EPOCH + 2) is not None
    assert broadcast.finish(EPOCH + 3) is None
    assert not storage.recover()


def test_an_ended_broadcast_accepts_no_more_media(storage: Storage) -> None:
    broadcast = storage.begin(info())
    broadcast.finish(EPOCH)
    with pytest.raises(StorageError):
        push(broadcast, SimulatedPackager())


def test_the_segment_left_open_at_the_end_belongs_to_the_recording(storage: Storage) -> None:
    broadcast, packager = storage.begin(info()), SimulatedPackager()
    push(broadcast, packager)
    for event in packager.segment():
        if not isinstance(event, SegmentEnd):
            broadcast.write("source", event)
    recording = broadcast.finish(EPOCH + 4)
    assert recording is not None and recording.duration == 4.0


def test_a_lost_encoder_is_remembered_through_a_restart(storage: Storage) -> None:
    broadcast = storage.begin(info())
    push(broadcast, SimulatedPackager())
    broadcast.lost(EPOCH + 2)
    broadcast.suspend()
    (again,) = storage.recover()
    assert (again.info, again.lost_at) == (broadcast.info, EPOCH + 2)
    again.resumed(EPOCH + 3)
    again.suspend()
    assert storage.recover()[0].lost_at is None


def test_the_promised_target_duration_is_kept_through_a_restart(storage: Storage) -> None:
    broadcast = storage.begin(info())
    broadcast.promise(9, 0.5)
    push(broadcast, SimulatedPackager())
    broadcast.suspend()
    (again,) = storage.recover()
    assert again.target_duration == 9
    assert again.resume("source").target_duration == 9


def test_a_resumed_packager_goes_on_in_a_period_of_its_own(storage: Storage) -> None:
    broadcast = storage.begin(info())
    assert broadcast.resume("source").discontinuity == 0
    push(broadcast, SimulatedPackager(), 2)
    resume = broadcast.resume("source")
    assert (resume.discontinuity, resume.video_sequence, resume.audio_sequence, resume.decode_time) == (1, 2, 2, 4.0)


def test_a_rendition_that_comes_late_joins_the_period_of_the_others(storage: Storage) -> None:
    broadcast = storage.begin(info())
    push(broadcast, SimulatedPackager(), 2)
    assert broadcast.resume("720p").discontinuity == 0


def test_only_young_media_stays_in_memory(storage: Storage) -> None:
    broadcast = storage.begin(info())
    push(broadcast, SimulatedPackager(), 20)
    track = broadcast.track("source-video")
    assert track is not None
    assert [sequence for sequence in range(20) if track.stored(sequence)] == [16, 17, 18, 19]


def test_waiters_are_notified_of_every_part(storage: Storage) -> None:
    broadcast, notified = storage.begin(info()), 0
    for event in SimulatedPackager().segment():
        track = broadcast.track("source-video")
        waiting = track.changed if track else None
        broadcast.write("source", event)
        notified += bool(waiting and waiting.is_set())
    assert notified == 4 + 1


def test_a_broken_recording_is_set_aside(storage: Storage, backend: StorageBackend) -> None:
    broadcast = storage.begin(info())
    push(broadcast, SimulatedPackager())
    broadcast.suspend()
    broadcast.files.replace(INDEX_FILE, b"garbage\n")
    assert storage.recover() == []
    assert backend.list() == []


def test_a_broadcast_without_its_first_line_is_removed(storage: Storage, backend: StorageBackend) -> None:
    backend.create(UID).create(INDEX_FILE).close()
    assert storage.recover() == []
    assert backend.list() == []


def test_a_segment_missing_after_a_power_cut_ends_its_track_there(storage: Storage) -> None:
    broadcast = storage.begin(info())
    push(broadcast, SimulatedPackager(), 5)
    broadcast.suspend()
    broadcast.files.truncate("source-video-3.m4s", 0)
    (again,) = storage.recover()
    track = again.track("source-video")
    assert track is not None and [segment.sequence for segment in track.segments] == [0, 1, 2]


def test_a_part_of_a_segment_that_is_not_open_is_refused(storage: Storage) -> None:
    broadcast = storage.begin(info())
    push(broadcast, SimulatedPackager())
    with pytest.raises(StorageError):
        broadcast.write("source", SegmentEnd(TrackKind.VIDEO, 0, 7, 0, 0, True, EPOCH))


@pytest.mark.parametrize("rendition", ["../x", "Source", "", "a-b"])
def test_a_rendition_has_a_safe_name(storage: Storage, rendition: str) -> None:
    event = next(event for event in SimulatedPackager().segment() if not isinstance(event, Part))
    with pytest.raises(StorageError):
        storage.begin(info()).write(rendition, event)


@pytest.mark.parametrize(
    ("durations", "target", "start"),
    [([2.0] * 5, 2, 0), ([2.0] * 20, 2, 8), ([0.5] * 100, 2, 52), ([8.0] * 10, 9, 4), ([], 2, 0)],
)
def test_the_live_window_is_long_enough(durations: list[float], target: int, start: int) -> None:
    times = accumulate(durations, initial=0.0)
    assert window_start(list(zip(times, durations, strict=False)), target) == start


def test_the_time_without_an_encoder_counts_for_the_live_window() -> None:
    before, after = [(2.0 * at, 2.0) for at in range(20)], [(45.0, 2.0), (47.0, 2.0)]
    assert window_start(before, 2) == 8
    assert window_start([*before, *after], 2) == 12
    assert window_start([*before, (400.0, 2.0), (402.0, 2.0)], 2) == 16


def test_after_a_reconnect_all_renditions_count_their_periods_alike(storage: Storage) -> None:
    broadcast = storage.begin(info())
    push(broadcast, SimulatedPackager(broadcast.resume("source", joins=False)), 2)
    for _ in range(2):  # its ffmpeg died once
        push(broadcast, SimulatedPackager(broadcast.resume("low"), tracks=(TrackKind.VIDEO,)), rendition="low")

    resumed = broadcast.resume("source", joins=False)
    push(broadcast, SimulatedPackager(resumed))
    assert broadcast.resume("low").discontinuity == resumed.discontinuity


async def test_a_recording_that_is_requested_many_times_at_once_is_read_once(
    storage: Storage, backend: StorageBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    broadcast = storage.begin(info())
    push(broadcast, SimulatedPackager(), 3)
    broadcast.finish(EPOCH + 6)
    read: list[str] = []
    open_files = backend.open
    monkeypatch.setattr(backend, "open", lambda uid: (read.append(uid), open_files(uid))[1])

    opened = await asyncio.gather(*(storage.open(UID) for _ in range(20)))
    assert read == [UID]
    assert len({id(each) for each in opened}) == 1


async def test_a_broadcast_that_was_kept_as_it_ended_shows_what_a_reader_of_its_files_finds(storage: Storage) -> None:
    broadcast = storage.begin(info())
    push(broadcast, SimulatedPackager(), 30)
    broadcast.finish(EPOCH + 60)
    read = await storage.open(UID)
    assert read is not None and read is not broadcast
    assert broadcast.view(live=True) == read.view(live=True)
    assert broadcast.view(live=False) == read.view(live=False)


async def test_long_recordings_make_room_for_each_other_in_memory(backend: StorageBackend) -> None:
    storage = Storage(backend, StorageLimits(min_free=0, open_segments=10))
    uids = [f"{number:032x}" for number in range(3)]
    opened = []
    for uid in uids:
        broadcast = storage.begin(info(uid=uid))
        push(broadcast, SimulatedPackager(), 4)
        broadcast.finish(EPOCH + 8)
        opened.append(await storage.open(uid))
    assert await storage.open(uids[2]) is opened[2]
    assert await storage.open(uids[1]) is not opened[1]


def test_a_recording_whose_description_a_power_cut_left_empty_is_described_again(storage: Storage) -> None:
    broadcast = storage.begin(info())
    push(broadcast, SimulatedPackager(), 3)
    recording = broadcast.finish(EPOCH + 6)
    broadcast.files.replace(RECORDING_FILE, b"")
    again = [each.finish(EPOCH + 6) for each in storage.recover()]
    assert again == [recording]


def listed_by_another(line: bytes, **changes: object) -> bytes:
    """Return a line of the index as a second process writes it."""
    fields = json.loads(line)
    return json.dumps(fields | changes, separators=(",", ":")).encode() + b"\n"


def test_a_segment_that_is_listed_twice_does_not_cut_the_recording(storage: Storage) -> None:
    broadcast = storage.begin(info())
    push(broadcast, SimulatedPackager(), 10)
    broadcast.suspend()
    lines = broadcast.files.read(INDEX_FILE).splitlines(keepends=True)
    segments = [at for at, line in enumerate(lines) if b'"is":"segment"' in line]
    twice = lines[segments[6]]
    # A second process lists what it found of an open segment, and once more everything that was there.
    shorter = listed_by_another(twice, duration=json.loads(twice)["duration"] // 2, size=10)
    longer_than_its_file = listed_by_another(twice, duration=json.loads(twice)["duration"] * 2, size=1 << 30)
    broadcast.files.replace(
        INDEX_FILE,
        b"".join([*lines[: segments[6]], shorter, longer_than_its_file, *lines[segments[6] :], *lines[1:5]]),
    )

    (again,) = storage.recover()
    recording = again.finish(EPOCH + 20)
    assert recording is not None
    assert (recording.duration, recording.size) == (20.0, media_size(again.files))
    for track in again.tracks.values():
        assert [each.sequence for each in track.segments] == list(range(10))
        assert {each.duration / track.timescale(0) for each in track.segments} == {2.0}


async def test_a_recording_that_is_shorter_than_its_description_is_described_by_its_playlist(
    backend: StorageBackend,
) -> None:
    corrected: list[StoredRecording] = []
    storage = Storage(backend, StorageLimits(min_free=0), corrected=corrected.append)
    broadcast = storage.begin(info())
    push(broadcast, SimulatedPackager(), 10)
    recording = broadcast.finish(EPOCH + 20)
    assert recording is not None
    for kind in ("video", "audio"):
        broadcast.files.delete(f"source-{kind}-4.m4s")

    opened = await storage.open(UID)
    assert opened is not None
    assert {track.seconds for track in opened.tracks.values()} == {8.0}
    (shorter,) = corrected
    assert (shorter.duration, shorter.created, shorter.modified) == (8.0, recording.created, recording.modified)
    assert decode(broadcast.files.read(RECORDING_FILE)) == shorter
