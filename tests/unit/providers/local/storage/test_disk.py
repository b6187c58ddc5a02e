"""What a disk that fails does to a broadcast, and when the disk is synced."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import threading
from pathlib import Path

import pytest

from providers.local.packager.events import Part
from providers.local.storage.broadcast import Broadcast
from providers.local.storage.disk import BROKEN, DELETED, DiskBackend
from providers.local.storage.errors import StorageError
from providers.local.storage.index import INDEX_FILE
from providers.local.storage.storage import Storage, StorageLimits
from tests.simulated_packager import EPOCH, UID, SimulatedPackager, info


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(DiskBackend(tmp_path), StorageLimits(min_free=0))


def push(broadcast: Broadcast, packager: SimulatedPackager, count: int = 1) -> None:
    for _ in range(count):
        for event in packager.segment():
            broadcast.write("source", event)


def test_a_broken_recording_is_kept_for_the_operator(storage: Storage, tmp_path: Path) -> None:
    broadcast = storage.begin(info())
    push(broadcast, SimulatedPackager())
    broadcast.suspend()
    broadcast.files.replace(INDEX_FILE, b"garbage\n")
    assert storage.recover() == []
    (kept,) = (tmp_path / BROKEN).iterdir()
    assert kept.name.startswith(f"{UID}-")
    assert (kept / "source-video-0.m4s").stat().st_size > 0


def test_a_recording_whose_deletion_was_interrupted_does_not_come_back(storage: Storage, tmp_path: Path) -> None:
    broadcast = storage.begin(info())
    push(broadcast, SimulatedPackager())
    broadcast.finish(EPOCH + 2)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(shutil, "rmtree", lambda path, ignore_errors: None)  # as if the process died here
        storage.delete(UID)
    assert [each.name for each in tmp_path.iterdir()] == [f"{DELETED}{UID}"]
    again = Storage(DiskBackend(tmp_path))
    assert (again.recover(), again.recordings()) == ([], [])
    assert list(tmp_path.iterdir()) == []


async def test_a_deleted_recording_cannot_be_opened_by_a_load_that_began_before(storage: Storage) -> None:
    broadcast = storage.begin(info())
    push(broadcast, SimulatedPackager())
    broadcast.finish(EPOCH + 2)
    opening = asyncio.ensure_future(storage.open(UID))
    await asyncio.sleep(0)
    await asyncio.to_thread(storage.delete, UID)
    await opening
    assert await storage.open(UID) is None


def test_a_write_that_fails_ends_the_broadcast_and_keeps_what_was_written(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    broadcast, packager = storage.begin(info()), SimulatedPackager()
    push(broadcast, packager, 2)

    def full(fd: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        with pytest.raises(StorageError, match="No space left"):
            push(broadcast, packager)
    with pytest.raises(StorageError):
        push(broadcast, packager)
    recording = broadcast.finish(EPOCH + 4)
    assert recording is not None and recording.duration == 4.0


def test_a_full_disk_at_the_start_sets_nothing_aside(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    broadcast, packager = storage.begin(info()), SimulatedPackager()
    push(broadcast, packager)
    for event in packager.segment():
        if isinstance(event, Part):  # killed in the middle of a segment
            broadcast.write("source", event)
    broadcast.suspend()

    def full(fd: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        assert storage.recover() == []
    (again,) = storage.recover()
    recording = again.finish(EPOCH + 4)
    assert recording is not None and recording.duration == 4.0


def test_a_process_without_a_free_descriptor_goes_on_unsynced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def dup(fd: int) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    storage = Storage(DiskBackend(tmp_path), StorageLimits(min_free=0))
    broadcast = storage.begin(info())
    monkeypatch.setattr(os, "dup", dup)
    push(broadcast, SimulatedPackager(), 3)
    assert broadcast.finish(EPOCH + 6) is not None


async def test_the_event_loop_never_waits_for_the_disk_to_sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[threading.Thread] = []
    for name in ("fsync", "fdatasync"):
        monkeypatch.setattr(os, name, lambda fd: waited.append(threading.current_thread()))
    storage = Storage(DiskBackend(tmp_path), StorageLimits(min_free=0))
    broadcast = storage.begin(info())
    push(broadcast, SimulatedPackager(), 3)
    broadcast.finish(EPOCH + 6)
    await asyncio.to_thread(storage.close)
    assert len(waited) > 3
    assert threading.current_thread() not in waited
