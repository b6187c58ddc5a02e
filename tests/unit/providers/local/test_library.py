"""Which picture of a broadcast is asked for, and what it costs."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from providers.local.library import RETRY_SECONDS, THUMBNAIL_FILE, Library
from providers.local.live.registry import BroadcastRegistry
from providers.local.mp4.tracks import TrackKind
from providers.local.playback import ThumbnailNotReady
from providers.local.storage.disk import DiskBackend
from providers.local.storage.errors import ObjectStoreError
from providers.local.storage.storage import READ_SECONDS, Storage, StorageLimits
from providers.local.transcoder.thumbnail import MAX_SIDE, MIN_SIDE, Media, ThumbnailBusy, Thumbnails
from tests.simulated_packager import EPOCH, UID, SimulatedPackager, info


class Idle:
    """No broadcast runs."""

    def of_input(self, input_uid: str) -> None:
        return None

    of_uid = of_input


class FreshThumbnails(Thumbnails):
    """Has every picture already."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[tuple[int, int]] = []
        self.keys: list[str] = []

    async def of(
        self,
        key: str,
        media: Media,
        width: int = 640,
        height: int = 360,
        fit: str = "crop",
        *,
        is_default: bool = False,
    ) -> bytes:
        self.sizes.append((width, height))
        self.keys.append(key)
        return b"jpeg"


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    storage = Storage(DiskBackend(tmp_path, sync=False), StorageLimits(min_free=0))
    broadcast = storage.begin(info())
    for event in SimulatedPackager().segment():
        broadcast.write("source", event)
    broadcast.finish(EPOCH + 2)
    return storage


async def test_a_cached_thumbnail_is_returned_without_reading_the_media(storage: Storage, tmp_path: Path) -> None:
    assert await storage.open(UID) is not None
    for segment in (tmp_path / UID).glob("*.m4s"):
        segment.unlink()
    shown = Library(cast("BroadcastRegistry", Idle()), storage, FreshThumbnails())
    assert await shown.thumbnail(UID, 640, 360, "crop") == b"jpeg"


async def test_the_default_thumbnail_of_a_recording_is_made_once_and_kept_beside_it(
    storage: Storage, tmp_path: Path
) -> None:
    thumbnails = FreshThumbnails()
    for _ in range(2):
        shown = Library(cast("BroadcastRegistry", Idle()), storage, thumbnails)
        assert await shown.thumbnail(UID, None, None, "crop") == b"jpeg"
        assert await shown.thumbnail(UID, 320, None, "crop") == b"jpeg"
    assert (tmp_path / UID / THUMBNAIL_FILE).read_bytes() == b"jpeg"
    assert thumbnails.sizes == [(640, 360), (320, 180), (320, 180)]


async def test_a_moment_is_shown_by_the_segment_that_has_it(tmp_path: Path) -> None:
    storage = Storage(DiskBackend(tmp_path, sync=False), StorageLimits(min_free=0))
    broadcast, packager = storage.begin(info()), SimulatedPackager()
    for _ in range(3):
        for event in packager.segment():
            broadcast.write("source", event)
    broadcast.finish(EPOCH + 6)
    recording = await storage.open(UID)
    assert recording is not None
    ((first, *_),) = [track.recorded for (_, kind), track in recording.tracks.items() if kind is TrackKind.VIDEO]
    thumbnails = FreshThumbnails()
    shown = Library(cast("BroadcastRegistry", Idle()), storage, thumbnails)
    for moment in (0, 1.9, 2.0, 5.5, 99):
        await shown.thumbnail(UID, 640, 360, "crop", moment)
    assert [int(key.partition("@")[2]) - first.sequence for key in thumbnails.keys] == [0, 0, 1, 2, 2]


async def test_a_recording_is_being_read_for_a_while_after_a_player_requested_it(tmp_path: Path) -> None:
    now = 0.0
    storage = Storage(DiskBackend(tmp_path, sync=False), StorageLimits(min_free=0), monotonic=lambda: now)
    broadcast = storage.begin(info())
    for event in SimulatedPackager().segment():
        broadcast.write("source", event)
    broadcast.finish(EPOCH + 2)
    library = Library(cast("BroadcastRegistry", Idle()), storage, FreshThumbnails())
    await library.thumbnail(UID, 640, 360, "crop")
    assert not storage.is_read(UID)
    assert await library.find_recording(UID) is not None
    assert storage.is_read(UID)
    now = READ_SECONDS
    assert not storage.is_read(UID)


async def test_a_thumbnail_that_cannot_be_created_now_has_a_time_to_retry(storage: Storage) -> None:
    class BusyThumbnails(Thumbnails):
        async def of(
            self,
            key: str,
            media: Media,
            width: int = 640,
            height: int = 360,
            fit: str = "crop",
            *,
            is_default: bool = False,
        ) -> bytes:
            raise ThumbnailBusy("too many", retry_after=3.0)

    with pytest.raises(ThumbnailNotReady) as later:
        await Library(cast("BroadcastRegistry", Idle()), storage, BusyThumbnails()).thumbnail(UID, 640, 360, "crop")
    assert later.value.seconds == 3.0


async def test_a_thumbnail_whose_segment_the_object_store_does_not_return_may_be_retried(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> bytes:
        raise ObjectStoreError("the object store cannot be read")

    broadcast = await storage.open(UID)
    assert broadcast is not None
    monkeypatch.setattr(broadcast.files, "read", fails)
    library = Library(cast("BroadcastRegistry", Idle()), storage, Thumbnails())
    for _ in range(2):  # the failure is not cached
        with pytest.raises(ThumbnailNotReady) as later:
            await library.thumbnail(UID, 640, 360, "crop")
        assert later.value.seconds == RETRY_SECONDS


@pytest.mark.parametrize(("width", "height"), [(None, 1500), (2000, None), (1, 1), (None, None), (None, 2000)])
async def test_every_size_that_may_be_asked_for_can_be_made(
    storage: Storage, width: int | None, height: int | None
) -> None:
    thumbnails = FreshThumbnails()
    await Library(cast("BroadcastRegistry", Idle()), storage, thumbnails).thumbnail(UID, width, height, "crop")
    assert all(MIN_SIDE <= side <= MAX_SIDE for side in thumbnails.sizes[0])


async def test_the_thumbnail_of_a_recording_that_stopped_early_is_of_recorded_media(tmp_path: Path) -> None:
    class TakenThumbnails(FreshThumbnails):
        async def of(
            self,
            key: str,
            media: Media,
            width: int = 640,
            height: int = 360,
            fit: str = "crop",
            *,
            is_default: bool = False,
        ) -> bytes:
            assert callable(media)
            return await media()

    storage = Storage(DiskBackend(tmp_path, sync=False), StorageLimits(min_free=0))
    broadcast, packager = storage.begin(info()), SimulatedPackager()
    for number in range(30):
        if number == 3:
            broadcast.stop_recording()
        for event in packager.segment():
            broadcast.write("source", event)
    broadcast.finish(packager.wall)

    recorded = {broadcast.files.read(f"source-video-{number}.m4s") for number in range(3)}
    thumbnail = await Library(cast("BroadcastRegistry", Idle()), storage, TakenThumbnails()).thumbnail(
        UID, 640, 360, "crop"
    )
    assert thumbnail is not None
    assert any(thumbnail.endswith(segment) for segment in recorded)
