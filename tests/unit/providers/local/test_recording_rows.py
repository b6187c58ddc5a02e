"""The catalog and its rows: after a start, after failures of the database, and after files went away."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import pytest

from providers.local.recording_rows import MemoryRecordingRows, RecordingBook
from providers.local.storage.disk import DiskBackend
from providers.local.storage.recordings import RECORDING_FILE, StoredRecording
from providers.local.storage.storage import Storage, StorageLimits
from service.concurrency.tasks import Tasks
from tests.simulated_packager import EPOCH, SimulatedPackager, info
from tests.waiting import until

ONE, TWO = "1" * 32, "2" * 32


class Rows(MemoryRecordingRows):
    """Fails while `fails`, and for the next `failing_reads` reads, and counts the writes."""

    def __init__(self) -> None:
        super().__init__()
        self.fails = False
        self.failing_reads = 0
        self.tries = 0

    async def all(self) -> list[StoredRecording]:
        self.failing_reads -= 1
        self._check(self.failing_reads >= 0)
        return await super().all()

    async def put(self, recordings: Collection[StoredRecording]) -> None:
        self.tries += 1
        self._check()
        await super().put(recordings)

    async def remove(self, uids: Collection[str]) -> None:
        self._check()
        await super().remove(uids)

    def _check(self, fails: bool = False) -> None:
        if self.fails or fails:
            raise ConnectionError("the database is away")


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(DiskBackend(tmp_path, sync=False), StorageLimits(min_free=0))


@pytest.fixture
def rows() -> Rows:
    return Rows()


def record(storage: Storage, uid: str) -> StoredRecording:
    broadcast, packager = storage.begin(info(uid)), SimulatedPackager()
    for event in packager.segment():
        broadcast.write("source", event)
    recording = broadcast.finish(EPOCH + 10)
    assert recording is not None
    return recording


async def written(book: RecordingBook, rows: Rows, tasks: Tasks, count: int) -> None:
    book.start(tasks.spawn)
    await until(lambda: len(rows.kept) == count)


async def test_recordings_from_before_the_rows_are_read_from_their_files_once(
    storage: Storage, rows: Rows, tasks: Tasks, tmp_path: Path
) -> None:
    first, second = record(storage, ONE), record(storage, TWO)
    book = RecordingBook(rows)
    await book.load(storage, elsewhere=False)
    assert sorted(book.catalog, key=lambda each: each.uid) == [first, second]
    await written(book, rows, tasks, 2)
    # The next start needs no file of theirs.
    for uid in (ONE, TWO):
        (tmp_path / uid / RECORDING_FILE).write_bytes(b"unreadable")
    again = RecordingBook(rows)
    await again.load(storage, elsewhere=False)
    assert sorted(again.catalog, key=lambda each: each.uid) == [first, second]
    assert again.catalog.size == first.size + second.size


async def test_a_start_reads_no_description_of_what_has_a_row(
    storage: Storage, rows: Rows, tasks: Tasks, tmp_path: Path
) -> None:
    recording = record(storage, ONE)
    await rows.put([recording, replace(recording, uid=TWO)])
    (tmp_path / ONE / RECORDING_FILE).write_bytes(b"unreadable")
    # A power failure may leave an empty one. It is written again.
    record(storage, TWO)
    (tmp_path / TWO / RECORDING_FILE).write_bytes(b"")
    book = RecordingBook(rows)
    known = await book.read()
    (broadcast,) = storage.recover(known)
    assert broadcast.info.uid == TWO
    broadcast.finish(EPOCH + 10)
    assert (tmp_path / TWO / RECORDING_FILE).stat().st_size > 0
    await book.load(storage, elsewhere=False)
    assert {each.uid for each in book.catalog} == {ONE, TWO}


async def test_a_running_broadcast_is_no_recording(storage: Storage, rows: Rows) -> None:
    storage.begin(info(ONE))
    book = RecordingBook(rows)
    await book.load(storage, elsewhere=False)
    assert len(book.catalog) == 0


async def test_a_recording_without_files_is_dropped_unless_it_may_be_elsewhere(storage: Storage, rows: Rows) -> None:
    recording = record(storage, ONE)
    await rows.put([recording])
    storage.delete(ONE)
    kept = RecordingBook(rows)
    await kept.load(storage, elsewhere=True)
    assert list(kept.catalog) == [recording]
    of_another_node = RecordingBook(rows)
    await of_another_node.load(storage, elsewhere=False, alone=False)
    assert (len(of_another_node.catalog), await rows.all()) == (0, [recording])
    dropped = RecordingBook(rows)
    await dropped.load(storage, elsewhere=False)
    assert (len(dropped.catalog), await rows.all()) == (0, [])


async def test_without_the_database_the_files_are_read(storage: Storage, rows: Rows, tasks: Tasks) -> None:
    recording = record(storage, ONE)
    rows.fails = True
    book = RecordingBook(rows, first_pause=0.01)
    await book.load(storage, elsewhere=False)
    assert list(book.catalog) == [recording]
    book.start(tasks.spawn)
    await until(lambda: rows.tries > 2)
    rows.fails = False
    await until(lambda: len(rows.kept) == 1)


async def test_one_failed_read_hides_no_recording(storage: Storage, rows: Rows) -> None:
    recording = record(storage, ONE)
    await rows.put([recording])
    storage.delete(ONE)  # only the object store has it
    rows.failing_reads = 1
    book = RecordingBook(rows)
    assert await book.read() == set()
    await book.load(storage, elsewhere=True)
    assert list(book.catalog) == [recording]


async def test_what_only_the_object_store_has_is_listed_once_the_database_answers(
    storage: Storage, rows: Rows, tasks: Tasks
) -> None:
    stored, local = replace(record(storage, ONE), uid="3" * 32), record(storage, TWO)
    await rows.put([stored, local])
    rows.fails = True
    book = RecordingBook(rows, first_pause=0.01)
    await book.read()
    await book.load(storage, elsewhere=True)
    assert {each.uid for each in book.catalog} == {ONE, TWO}
    book.start(tasks.spawn)
    await until(lambda: rows.failing_reads < -3)
    rows.fails = False
    await until(lambda: book.has(stored.uid))
    assert {each.uid for each in book.catalog} == {stored.uid, ONE, TWO}
    await until(lambda: ONE in rows.kept)


async def test_a_recording_that_is_deleted_while_its_row_is_read_late_stays_deleted(
    storage: Storage, rows: Rows, tasks: Tasks
) -> None:
    recording = record(storage, ONE)
    other = replace(recording, uid=TWO)
    await rows.put([recording, other])
    rows.failing_reads = 1
    book = RecordingBook(rows, first_pause=0.01)
    await book.load(storage, elsewhere=True)
    query = rows.all

    async def slow() -> list[StoredRecording]:
        found = await query()
        await book.remove(ONE)
        return found

    rows.all = slow  # type: ignore[method-assign]
    book.start(tasks.spawn)
    await until(lambda: book.has(TWO))
    assert not book.has(ONE)


async def test_a_correction_replaces_the_row(storage: Storage, rows: Rows, tasks: Tasks) -> None:
    book = RecordingBook(rows)
    recording = record(storage, ONE)
    book.catalog.add(recording)
    await written(book, rows, tasks, 1)
    corrected = replace(recording, duration=1.5)
    book.catalog.add(corrected)
    await until(lambda: rows.tries == 2)
    assert await rows.all() == [corrected]


async def test_a_recording_that_is_deleted_before_its_row_is_written_does_not_come_back(
    storage: Storage, rows: Rows, tasks: Tasks
) -> None:
    book = RecordingBook(rows, first_pause=0.01)
    book.catalog.add(record(storage, ONE))
    await book.remove(ONE)
    other = record(storage, TWO)
    book.catalog.add(other)
    await written(book, rows, tasks, 1)
    assert await rows.all() == [other] == list(book.catalog)


async def test_a_recording_whose_row_cannot_be_removed_stays_listed(storage: Storage, rows: Rows) -> None:
    book = RecordingBook(rows)
    book.catalog.add(record(storage, ONE))
    rows.fails = True
    with pytest.raises(ConnectionError):
        await book.remove(ONE)
    assert [each.uid for each in book.catalog] == [ONE]
