"""Uploads in the background, and reading what has no local copy any more."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from providers.local.storage.disk import DiskBackend
from providers.local.storage.errors import ObjectStoreError, StorageFull
from providers.local.storage.index import INDEX_FILE
from providers.local.storage.local_copies import CacheLimits
from providers.local.storage.objects import ObjectStore
from providers.local.storage.recordings import RECORDING_FILE
from providers.local.storage.storage import Storage, StorageLimits
from providers.local.storage.tiered import TOMBSTONES, TieredBackend, TieredLimits
from providers.local.storage.upload_journal import JOURNAL_FILE
from providers.local.storage.uploader import UploadLimits
from providers.local.storage.uploads import Upload
from service.concurrency.tasks import Tasks
from tests.s3 import BUCKET, S3Server
from tests.simulated_packager import EPOCH, UID, SimulatedPackager, info
from tests.waiting import until

FAST = UploadLimits(first_pause=0.01, longest_pause=0.05)
NO_CACHE = CacheLimits(size=0, min_age=0.0)
KEEP = CacheLimits(min_free=0)


class Machine:
    """A storage on a local folder and an object store; `restart` is another process on the same disk."""

    def __init__(self, folder: Path, store: ObjectStore, tasks: Tasks) -> None:
        self.folder, self.store, self.tasks = folder, store, tasks
        self.backends: list[TieredBackend] = []

    async def start(self, copies: CacheLimits = KEEP, uploads: UploadLimits = FAST) -> Storage:
        self.backend = TieredBackend(
            DiskBackend(self.folder, sync=False),
            self.store,
            TieredLimits(uploads=uploads, copies=copies, interval=0.02),
        )
        self.backends.append(self.backend)
        await self.backend.start(self.tasks.spawn)
        self.storage = Storage(self.backend, StorageLimits(min_free=0))
        return self.storage

    def scan(self) -> None:
        self.backend.scan(self.tasks.spawn)

    async def stop(self) -> None:
        await self.backend.aclose()
        self.backend.close()

    async def restart(self, copies: CacheLimits = KEEP, uploads: UploadLimits = FAST) -> Storage:
        await self.stop()
        return await self.start(copies, uploads)

    async def settled(self) -> None:
        await until(lambda: self.backend.uploader.waiting == 0)

    async def objects(self) -> dict[str, int]:
        return dict([each async for each in self.store.objects("")])

    def local(self) -> dict[str, int]:
        folder = self.folder / UID
        return {file.name: file.stat().st_size for file in folder.iterdir()} if folder.exists() else {}

    def media(self) -> dict[str, int]:
        return {name: size for name, size in self.local().items() if name.endswith(".m4s")}


on_both = pytest.mark.parametrize("kind", ["s3", "folder"])


@pytest.fixture
def kind() -> str:
    """Return the kind of object store of `machine`. `on_both` overrides it."""
    return "folder"


@pytest.fixture
async def machine(kind: str, request: pytest.FixtureRequest, tmp_path: Path, tasks: Tasks) -> AsyncIterator[Machine]:
    if kind == "s3":
        request.getfixturevalue("s3")
    address = f"s3://{BUCKET}/p" if kind == "s3" else str(tmp_path / "objects")
    machine = Machine(tmp_path / "local", ObjectStore(address), tasks)
    yield machine
    for backend in machine.backends:
        await backend.aclose()


def record(storage: Storage, segments: int = 3, *, finish: bool = True) -> SimulatedPackager:
    """Write a broadcast, and make it a recording."""
    broadcast, packager = storage.begin(info()), SimulatedPackager()
    for _ in range(segments):
        for event in packager.segment():
            broadcast.write("source", event)
    if finish:
        assert broadcast.finish(EPOCH + 10) is not None
    return packager


def key(name: str) -> str:
    return f"{UID}/00000000/{name}"


@on_both
async def test_a_finished_broadcast_is_stored_whole(machine: Machine) -> None:
    record(await machine.start())
    await machine.settled()
    local = machine.local()
    journal = local.pop(JOURNAL_FILE)
    assert journal > 0 and len(local) == 2 + 2 * (1 + 3)
    assert await machine.objects() == {key(name): size for name, size in local.items()}
    for name in local:
        assert machine.store.read(key(name)) == (machine.folder / UID / name).read_bytes()


async def test_the_description_comes_last(machine: Machine) -> None:
    record(await machine.start())
    await machine.settled()
    confirmed = [json.loads(line) for line in (machine.folder / UID / JOURNAL_FILE).read_bytes().splitlines()]
    assert [line["name"] for line in confirmed[-3:-1]] == [INDEX_FILE, RECORDING_FILE]
    assert confirmed[-1] == {"complete": True}


async def test_while_it_runs_sealed_segments_and_pieces_of_the_index_are_stored(machine: Machine) -> None:
    record(await machine.start(), 35, finish=False)
    await machine.settled()
    objects = await machine.objects()
    names = {name.removeprefix(key("")) for name in objects}
    assert {name for name in names if name.endswith(".m4s")} == set(machine.media())
    index = (machine.folder / UID / INDEX_FILE).read_bytes()
    assert {name for name in names if "/" in name} == {"index/000000000000.jsonl"}
    piece = machine.store.read(key("index/000000000000.jsonl"))
    assert index.startswith(piece) and piece.count(b"\n") == 60
    assert RECORDING_FILE not in names and INDEX_FILE not in names


async def test_the_pieces_of_the_index_are_replaced_by_the_whole(machine: Machine) -> None:
    record(await machine.start(), 35)
    await machine.settled()
    assert [name for name in await machine.objects() if "/index/" in name] == []
    assert machine.store.read(key(INDEX_FILE)) == (machine.folder / UID / INDEX_FILE).read_bytes()


async def test_a_restart_finds_what_was_not_uploaded(s3: S3Server, tmp_path: Path, tasks: Tasks) -> None:
    machine = Machine(tmp_path, ObjectStore(f"s3://{BUCKET}"), tasks)
    storage = await machine.start()
    s3.stop()
    try:
        record(storage)
        await until(lambda: machine.backend.uploader.counters.failures > 0)
        await machine.stop()
        assert machine.backend.uploader.waiting > 0
    finally:
        s3.start()
    assert await machine.objects() == {}
    await machine.start()
    machine.scan()
    await until(lambda: machine.backend.uploads(UID).journal.complete)
    await machine.settled()
    assert set(await machine.objects()) == {key(name) for name in machine.local() if name != JOURNAL_FILE}
    await machine.stop()


async def test_an_interrupted_broadcast_goes_on_after_a_restart(machine: Machine) -> None:
    record(await machine.start(), 35, finish=False)
    await machine.settled()
    storage = await machine.restart()
    (broadcast,) = storage.recover()
    machine.scan()
    packager = SimulatedPackager(broadcast.resume("source"))
    for _ in range(35):
        for event in packager.segment():
            broadcast.write("source", event)
    await machine.settled()
    pieces = sorted(name for name in await machine.objects() if "/index/" in name)
    index = (machine.folder / UID / INDEX_FILE).read_bytes()
    assert len(pieces) > 1
    assert index.startswith(b"".join(machine.store.read(piece) for piece in pieces))
    broadcast.finish(EPOCH + 200)
    await until(lambda: machine.backend.uploads(UID).journal.complete)
    await machine.settled()
    assert set(await machine.objects()) == {key(name) for name in machine.local() if name != JOURNAL_FILE}


async def test_recordings_from_before_the_setting_are_uploaded(machine: Machine) -> None:
    record(Storage(DiskBackend(machine.folder, sync=False), StorageLimits(min_free=0)))
    await machine.start()
    machine.scan()
    await until(lambda: machine.backend.uploads(UID).journal.complete)
    assert len(await machine.objects()) == len(machine.local()) - 1


@on_both
async def test_evicted_segments_are_read_from_the_object_store(machine: Machine) -> None:
    storage = await machine.start(NO_CACHE)
    record(storage)
    before = {name: (machine.folder / UID / name).read_bytes() for name in machine.media()}
    await machine.settled()
    machine.scan()
    await until(lambda: not machine.media())
    assert machine.backend.copies.evicted == sum(map(len, before.values())) and machine.backend.copies.bytes == 0
    files = machine.backend.open(UID)
    for name, data in before.items():
        assert (files.size(name), files.read(name), files.read(name, 3, 9)) == (len(data), data, data[3:9])
        assert await files.load(name) == data
        with files.open(name) as file:
            file.seek(5)
            assert file.read() == data[5:]
        assert files.sendfile(name, {}) is None
    assert set(before) < set(files.names()) and JOURNAL_FILE not in files.names()
    with pytest.raises(FileNotFoundError):
        await files.load("source-video-99.m4s")


async def test_an_evicted_recording_opens_after_a_restart_without_the_object_store(
    s3: S3Server, tmp_path: Path, tasks: Tasks
) -> None:
    machine = Machine(tmp_path, ObjectStore(f"s3://{BUCKET}"), tasks)
    record(await machine.start(NO_CACHE))
    await machine.settled()
    machine.scan()
    await until(lambda: not machine.media())
    s3.stop()
    try:
        storage = await machine.restart(NO_CACHE)
        assert storage.recover() == []
        assert [each.uid for each in storage.recordings()] == [UID]
        found = await storage.open(UID)
        assert found is not None and found.segments == 6
        with pytest.raises(ObjectStoreError):
            await found.files.load("source-video-0.m4s")
        assert machine.backend.fetcher.counters.failures == 1
    finally:
        s3.start()
        await machine.stop()


async def test_an_evicted_part_of_a_running_broadcast_survives_a_restart(machine: Machine) -> None:
    record(await machine.start(NO_CACHE), finish=False)
    await machine.settled()
    machine.scan()
    await until(lambda: not machine.media())
    (broadcast,) = (await machine.restart(NO_CACHE)).recover()
    assert broadcast.segments == 6
    recording = broadcast.finish(EPOCH + 9)
    assert recording is not None and recording.duration == 6.0


async def test_the_cache_keeps_the_newest_segments(machine: Machine) -> None:
    storage = await machine.start(CacheLimits(size=1000, min_free=0, min_age=0.0))
    record(storage)
    await machine.settled()
    sizes = machine.media()
    limit = 1000
    assert sum(sizes.values()) > limit
    machine.scan()
    await until(lambda: machine.backend.copies.bytes <= limit)
    kept = machine.media()
    assert 0 < sum(kept.values()) <= limit
    assert "source-video-0.m4s" not in kept


async def test_a_copy_stays_until_it_is_confirmed_and_a_while_longer(machine: Machine) -> None:
    storage = await machine.start(CacheLimits(size=0))
    record(storage)
    await machine.settled()
    assert machine.backend.copies.evict() == 0
    assert machine.media()


async def test_a_segment_that_is_written_again_stays_until_it_is_stored_again(machine: Machine) -> None:
    record(await machine.start(NO_CACHE), finish=False)
    await machine.settled()
    files, name = machine.backend.open(UID), "source-video-2.m4s"
    file = files.create(name)
    file.append(b"again")
    # The upload of what it had before was under way.
    assert not files.uploads.confirmed(Upload(files.uploads, name, name), 3)
    assert machine.backend.copies.evict() > 0
    assert machine.media() == {name: 5}
    file.seal()
    await machine.settled()
    assert machine.backend.copies.evict() == 1 and files.read(name) == b"again"


@on_both
async def test_deleting_a_recording_deletes_its_objects(machine: Machine) -> None:
    storage = await machine.start()
    record(storage)
    await machine.settled()
    storage.delete(UID)
    assert machine.local() == {}
    await until(lambda: not list(machine.folder.glob("objects-to-delete/*")))
    assert await machine.objects() == {} and machine.backend.copies.bytes == 0


async def test_objects_that_could_not_be_deleted_are_deleted_after_a_restart(
    s3: S3Server, tmp_path: Path, tasks: Tasks
) -> None:
    machine = Machine(tmp_path, ObjectStore(f"s3://{BUCKET}"), tasks)
    storage = await machine.start()
    record(storage)
    await machine.settled()
    s3.stop()
    try:
        storage.delete(UID)
        await until(lambda: machine.backend.uploader.counters.failures > 0)
        await machine.stop()
    finally:
        s3.start()
    assert await machine.objects()
    assert (await machine.start()).recordings() == []
    await until(lambda: not list(tmp_path.glob("objects-to-delete/*")))
    assert await machine.objects() == {}
    await machine.stop()


async def test_a_broadcast_without_a_recording_leaves_no_object(machine: Machine) -> None:
    storage = await machine.start()
    broadcast, packager = storage.begin(info()), SimulatedPackager()
    for event in packager.segment():
        broadcast.write("source", event)
    await machine.settled()
    assert await machine.objects()
    broadcast.discard(EPOCH)
    await until(lambda: not list(machine.folder.glob("objects-to-delete/*")))
    assert await machine.objects() == {}


async def test_segments_that_are_only_for_the_live_window_are_deleted_from_the_store_too(machine: Machine) -> None:
    storage = await machine.start()
    broadcast, packager = storage.begin(info()), SimulatedPackager()
    broadcast.stop_recording()
    for _ in range(40):
        for event in packager.segment():
            broadcast.write("source", event)
        await machine.settled()
    stored = {name.removeprefix(key("")) for name in await machine.objects() if name.endswith(".m4s")}
    assert stored == set(machine.media()) and len(stored) < 80


async def test_a_full_queue_loses_nothing(machine: Machine) -> None:
    storage = await machine.start(uploads=UploadLimits(queue=4, first_pause=0.01))
    record(storage, 10)
    assert machine.backend.uploader.waiting == 4 and machine.backend.uploader.counters.deferred > 0
    machine.scan()
    await until(lambda: machine.backend.uploads(UID).journal.complete)
    assert len(await machine.objects()) == len(machine.local()) - 1


async def test_while_the_store_is_unavailable_everything_stays_local(
    s3: S3Server, tmp_path: Path, tasks: Tasks
) -> None:
    machine = Machine(tmp_path, ObjectStore(f"s3://{BUCKET}"), tasks)
    storage = await machine.start(NO_CACHE)
    s3.stop()
    try:
        broadcast, packager = storage.begin(info()), SimulatedPackager()
        for _ in range(5):
            for event in packager.segment():
                broadcast.write("source", event)
        machine.scan()
        await until(lambda: machine.backend.uploader.counters.failures > 3)
        assert len(machine.media()) == 10 and not broadcast.failed
        assert machine.backend.uploader.lag > 0
    finally:
        s3.start()
    await until(lambda: not machine.media())
    assert machine.backend.uploader.lag == 0
    await machine.stop()


@on_both
async def test_an_empty_disk_plays_recordings_from_the_object_store(
    machine: Machine, tmp_path: Path, tasks: Tasks
) -> None:
    record(await machine.start())
    await machine.settled()
    before = {name: (machine.folder / UID / name).read_bytes() for name in machine.media()}
    await machine.stop()
    machine.folder = tmp_path / "another disk"
    await machine.start()
    assert await machine.storage.open(UID) is None  # the uid came from a URL, and no row knows it
    storage = Storage(machine.backend, StorageLimits(min_free=0), is_known=lambda uid: uid == UID)
    found = await storage.open(UID)
    assert found is not None and found.segments == 6
    assert {name: await found.files.load(name) for name in before} == before
    assert set(machine.local()) == {RECORDING_FILE, JOURNAL_FILE}
    # A restart takes it for what it is, and its deletion deletes the objects.
    storage = await machine.restart()
    machine.scan()
    assert storage.recover() == [] and [each.uid for each in storage.recordings()] == [UID]
    storage.delete(UID)
    await until(lambda: not list(machine.folder.glob("objects-to-delete/*")))
    assert await machine.objects() == {}


async def test_a_start_after_an_interrupted_fetch_leaves_the_objects(machine: Machine, tmp_path: Path) -> None:
    record(await machine.start())
    await machine.settled()
    await machine.stop()
    before = await machine.objects()
    machine.folder = tmp_path / "another disk"
    (machine.folder / UID).mkdir(parents=True)
    await machine.start()
    assert machine.storage.recover() == []
    assert not (machine.folder / UID).exists() and not (machine.folder / TOMBSTONES).exists()
    await machine.stop()
    assert await machine.objects() == before


async def test_a_broadcast_that_is_not_stored_whole_is_not_taken_for_a_recording(
    machine: Machine, tmp_path: Path
) -> None:
    record(await machine.start(), 35, finish=False)
    await machine.settled()
    await machine.stop()
    machine.folder = tmp_path / "another disk"
    await machine.start()
    storage = Storage(machine.backend, StorageLimits(min_free=0), is_known=lambda uid: True)
    assert await storage.open(UID) is None
    assert machine.local() == {}


async def test_a_recording_without_local_files_is_deleted_from_the_object_store(
    machine: Machine, tmp_path: Path
) -> None:
    record(await machine.start())
    await machine.settled()
    await machine.stop()
    machine.folder = tmp_path / "another disk"
    (await machine.start()).delete(UID)
    await until(lambda: not list(machine.folder.glob("objects-to-delete/*")))
    assert await machine.objects() == {}


async def test_a_nearly_full_disk_evicts_what_is_confirmed(machine: Machine) -> None:
    storage = await machine.start(CacheLimits(size=1 << 40, min_free=1 << 60, min_age=0.0))
    record(storage)
    await machine.settled()
    assert machine.media()
    machine.scan()
    await until(lambda: not machine.media())


async def test_while_a_scan_waits_for_room_copies_are_evicted_and_uploads_are_late(
    s3: S3Server, tmp_path: Path, tasks: Tasks
) -> None:
    machine = Machine(tmp_path, ObjectStore(f"s3://{BUCKET}"), tasks)
    storage = await machine.start(NO_CACHE, UploadLimits(queue=30, first_pause=0.01, longest_pause=0.05, late=0.01))
    record(storage)
    await machine.settled()
    s3.stop()
    try:
        broadcast, packager = storage.begin(info("f" * 32)), SimulatedPackager()
        while machine.backend.uploader.has_room:
            for event in packager.segment():
                broadcast.write("source", event)
        machine.scan()
        await until(lambda: machine.backend.uploader.is_late and not machine.media())
        assert not machine.backend.uploader.has_room
    finally:
        s3.start()
    await machine.stop()


async def test_a_refusal_for_lack_of_space_names_the_object_store(s3: S3Server, tmp_path: Path, tasks: Tasks) -> None:
    machine = Machine(tmp_path, ObjectStore(f"s3://{BUCKET}"), tasks)
    await machine.start(uploads=UploadLimits(first_pause=0.01, longest_pause=0.05, late=0.01))
    storage = Storage(machine.backend, StorageLimits(min_free=0))
    s3.stop()
    try:
        record(storage)
        machine.scan()
        await until(lambda: machine.backend.uploader.is_late)
        with pytest.raises(StorageFull, match=r"needed; the object store has taken no uploads for 0 minutes$"):
            Storage(machine.backend, StorageLimits(min_free=1 << 60)).begin(info("f" * 32))
    finally:
        s3.start()
    await until(lambda: not machine.backend.uploader.is_late)
    with pytest.raises(StorageFull, match=r"needed$"):
        Storage(machine.backend, StorageLimits(min_free=1 << 60)).begin(info("f" * 32))
    await machine.stop()
