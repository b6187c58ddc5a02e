"""The contract of the storage's port, run on the disk, on its twin in memory, and on a disk with an object store."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from providers.local.storage.disk import DiskBackend
from providers.local.storage.errors import StorageError
from providers.local.storage.memory import MemoryBackend
from providers.local.storage.objects import ObjectStore
from providers.local.storage.port import BroadcastFiles, StorageBackend
from providers.local.storage.storage import Storage, StorageLimits
from providers.local.storage.tiered import TieredBackend
from tests.simulated_packager import EPOCH, SimulatedPackager, info

ONE, TWO = "1" * 32, "2" * 32


@pytest.fixture(params=["disk", "disk without sync", "memory", "object store"])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StorageBackend]:
    backend: StorageBackend
    if request.param == "memory":
        backend = MemoryBackend()
    elif request.param == "object store":
        local = DiskBackend(tmp_path / "local", sync=False)
        backend = TieredBackend(local, ObjectStore(str(tmp_path / "objects")))
    else:
        backend = DiskBackend(tmp_path, sync=request.param == "disk")
    yield backend
    backend.close()


@pytest.fixture
def files(backend: StorageBackend) -> BroadcastFiles:
    return backend.create(ONE)


def test_what_was_appended_can_be_read_at_once(files: BroadcastFiles) -> None:
    file = files.create("a.m4s")
    file.append(b"one")
    assert (files.read("a.m4s"), file.size, files.size("a.m4s")) == (b"one", 3, 3)
    file.append(b"two")
    assert (files.read("a.m4s"), file.size, files.size("a.m4s")) == (b"onetwo", 6, 6)


@pytest.mark.parametrize("end_of_writing", ["seal", "close"])
def test_a_closed_file_accepts_no_more_data(files: BroadcastFiles, end_of_writing: str) -> None:
    file = files.create("a.m4s")
    file.append(b"one")
    for _ in range(2):
        getattr(file, end_of_writing)()
    file.sync()
    with pytest.raises(StorageError):
        file.append(b"two")
    assert files.read("a.m4s") == b"one"


def test_a_file_that_is_synced_goes_on(files: BroadcastFiles) -> None:
    file = files.create("a.m4s")
    for part in (b"one", b"two"):
        file.append(part)
        file.sync()
    assert files.read("a.m4s") == b"onetwo"
    files.check()


def test_a_file_is_continued_at_its_end(files: BroadcastFiles) -> None:
    files.create("a.m4s").append(b"one")
    again = files.reopen("a.m4s")
    assert again.size == 3
    again.append(b"two")
    assert files.read("a.m4s") == b"onetwo"
    files.reopen("b.m4s").append(b"new")
    assert files.read("b.m4s") == b"new"


def test_a_file_that_is_created_twice_is_emptied(files: BroadcastFiles) -> None:
    files.create("a.m4s").append(b"a long first try")
    files.create("a.m4s").append(b"short")
    assert files.read("a.m4s") == b"short"


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (0, None, b"0123456789"),
        (3, None, b"3456789"),
        (3, 5, b"34"),
        (0, 99, b"0123456789"),
        (8, 99, b"89"),
        (10, None, b""),
        (99, None, b""),
        (99, 120, b""),
        (5, 5, b""),
    ],
)
def test_a_range_is_read(files: BroadcastFiles, start: int, end: int | None, expected: bytes) -> None:
    files.create("a.m4s").append(b"0123456789")
    assert files.read("a.m4s", start, end) == expected


def test_a_file_is_read_at_several_places(files: BroadcastFiles) -> None:
    files.create("a.m4s").append(b"0123456789")
    with files.open("a.m4s") as file:
        assert file.read(3) == b"012"
        file.seek(7)
        assert file.read(2) == b"78"


async def test_a_file_is_loaded_without_blocking(files: BroadcastFiles) -> None:
    files.create("a.m4s").append(b"0123456789")
    assert await files.load("a.m4s") == b"0123456789"
    with pytest.raises(FileNotFoundError):
        await files.load("none.m4s")


@pytest.mark.parametrize("missing", [(ONE, "none.m4s"), (TWO, "none.m4s")])
def test_what_is_missing_is_an_error_to_read_and_none_to_delete(
    backend: StorageBackend, files: BroadcastFiles, missing: tuple[str, str]
) -> None:
    uid, name = missing
    other = backend.open(uid)
    for read in (other.read, other.open):
        with pytest.raises(FileNotFoundError):
            read(name)
    with pytest.raises(FileNotFoundError):
        other.truncate(name, 0)
    assert other.size(name) is None
    if uid == ONE:
        other.delete(name)
    backend.delete(TWO)


def test_a_missing_broadcast_has_no_files(backend: StorageBackend) -> None:
    missing = backend.open(TWO)
    for call in (missing.names, missing.modified):
        with pytest.raises(FileNotFoundError):
            call()
    for write in (missing.create, missing.reopen):
        with pytest.raises(StorageError):
            write("a.m4s")
    with pytest.raises(StorageError):
        missing.replace("recording.json", b"{}")


def test_a_file_is_replaced_whole(files: BroadcastFiles) -> None:
    for data in (b"first", b"second, and longer", b"third"):
        files.replace("recording.json", data)
        assert files.read("recording.json") == data
    assert files.names() == ["recording.json"]


def test_a_file_is_cut(files: BroadcastFiles) -> None:
    files.create("a.m4s").append(b"0123456789")
    files.truncate("a.m4s", 4)
    assert (files.read("a.m4s"), files.size("a.m4s")) == (b"0123", 4)


def test_names_are_listed_in_order(files: BroadcastFiles) -> None:
    for name in ("c", "a", "b"):
        files.create(name).close()
    files.delete("b")
    assert files.names() == ["a", "c"]


def test_the_time_of_the_last_write_is_known(files: BroadcastFiles) -> None:
    with pytest.raises(FileNotFoundError):
        files.modified()
    files.create("a").append(b"one")
    assert abs(time.time() - files.modified()) < 60


def test_broadcasts_are_listed_opened_and_deleted(backend: StorageBackend) -> None:
    assert backend.list() == []
    backend.create(TWO).create("a").append(b"two")
    backend.create(ONE).create("a").append(b"one")
    assert backend.list() == [ONE, TWO]
    assert backend.open(TWO).read("a") == b"two"
    backend.delete(TWO)
    backend.open(ONE).delete_all()
    assert backend.list() == []


def test_a_uid_is_created_once(backend: StorageBackend, files: BroadcastFiles) -> None:
    files.create("a").append(b"one")
    with pytest.raises(StorageError):
        backend.create(ONE)
    assert files.read("a") == b"one"


def test_a_broadcast_that_is_set_aside_is_no_longer_listed(backend: StorageBackend, files: BroadcastFiles) -> None:
    files.create("a").append(b"one")
    backend.set_aside(ONE)
    assert backend.list() == []
    backend.create(ONE)
    assert backend.list() == [ONE]


def test_the_free_space_is_known(backend: StorageBackend) -> None:
    assert backend.free_space() > 0


def test_a_full_storage_writes_nothing_in_part() -> None:
    files = MemoryBackend(capacity=10).create(ONE)
    file = files.create("a")
    file.append(b"12345678")
    with pytest.raises(StorageError):
        file.append(b"901")
    with pytest.raises(StorageError):
        files.replace("b", b"901")
    assert (files.read("a"), files.names()) == (b"12345678", ["a"])
    file.append(b"90")


def test_both_storages_hold_the_same_bytes(tmp_path: Path) -> None:
    found = []
    for backend in (DiskBackend(tmp_path, sync=False), MemoryBackend()):
        broadcast = Storage(backend, StorageLimits(min_free=0)).begin(info(ONE))
        packager = SimulatedPackager()
        for event in [event for _ in range(5) for event in packager.segment()]:
            broadcast.write("source", event)
        broadcast.finish(EPOCH + 10)
        files = backend.open(ONE)
        found.append({name: files.read(name) for name in files.names()})
    assert found[0] == found[1]
    assert len(found[0]) == 2 + 2 * (1 + 5)
