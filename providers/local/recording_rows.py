"""The recordings as rows of a database: read at the start in one query, written in the background.

The description beside the media stays the truth. What is missing among the rows is read from its file, and a row that could not be
written is written after the next start at the latest. A recording whose files are only in an object store is found by its row
alone: rows that cannot be read at the start are read later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import suppress
from typing import Protocol

import structlog

from providers.base import Spawn
from providers.local.storage.recordings import RecordingCatalog, StoredRecording
from providers.local.storage.storage import Storage

log = structlog.get_logger(__name__)

BATCH = 500
"""Rows of one write."""

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds between two tries of a read or a write."""


class RecordingRows(Protocol):
    """Stores descriptions of recordings. `tests/contract/test_recording_rows.py` runs on every implementation."""

    async def all(self) -> list[StoredRecording]:
        """Return all recordings, in no particular order."""

    async def put(self, recordings: Collection[StoredRecording]) -> None:
        """Add recordings, or replace those with their uids, all or none."""

    async def remove(self, uids: Collection[str]) -> None:
        """Remove recordings. Missing ones are no error."""


class MemoryRecordingRows:
    """The in-memory twin."""

    def __init__(self) -> None:
        self.kept: dict[str, StoredRecording] = {}

    async def all(self) -> list[StoredRecording]:
        return list(self.kept.values())

    async def put(self, recordings: Collection[StoredRecording]) -> None:
        self.kept |= {each.uid: each for each in recordings}

    async def remove(self, uids: Collection[str]) -> None:
        for uid in uids:
            self.kept.pop(uid, None)


class RecordingBook:
    """Keeps the catalog and the rows alike.

    Attributes:
        catalog: All recordings of this service.
    """

    def __init__(self, rows: RecordingRows, first_pause: float = FIRST_PAUSE) -> None:
        """Use the rows; `first_pause` is the delay of the first retry after a failure, in seconds."""
        self.catalog = RecordingCatalog(self._note)
        self._rows = rows
        self._first_pause = first_pause
        self._read: list[StoredRecording] | None = None
        self._unread = False
        self._unwritten: dict[str, StoredRecording] = {}
        self._wake = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None

    def has(self, uid: str) -> bool:
        """Return whether there is a recording with this uid."""
        return self.catalog.find(uid) is not None

    async def read(self) -> set[str]:
        """Read the rows, and return their uids; none if the database fails. `load` reads them unless they were read before."""
        if self._read is None:
            try:
                self._read = await self._rows.all()
            except Exception as problem:  # of any database: what has local files is read from them
                log.warning("recordings read from their files", problem=type(problem).__name__)
        return {each.uid for each in self._read or ()}

    async def load(self, storage: Storage, *, elsewhere: bool, alone: bool = True) -> None:
        """Fill the catalog. If the database fails, the rows of what is `elsewhere` are read after `start`.

        Args:
            storage: Has the media.
            elsewhere: Whether recordings without local files may be in an object store. If not, they are not listed.
            alone: Whether all rows are this process's. It then removes those that it does not list.
        """
        await self.read()
        self._unread = elsewhere and self._read is None
        rows, self._read = self._read or [], None
        local = await asyncio.to_thread(storage.uids)
        gone = [] if elsewhere or not alone else [each.uid for each in rows if each.uid not in local]
        for recording in rows:
            # One that ended meanwhile is newer than its row.
            if self.catalog.find(recording.uid) is None and (elsewhere or recording.uid in local):
                self.catalog.restore(recording)
        unknown = [uid for uid in local if self.catalog.find(uid) is None]
        for recording in await asyncio.to_thread(storage.recordings, unknown):
            self.catalog.add(recording)
        if gone:
            log.info("recordings without files removed", count=len(gone))
            with suppress(Exception):  # they are removed after the next start
                await self._rows.remove(gone)

    def start(self, spawn: Spawn) -> None:
        """Write rows from now on, after reading those that `load` could not read."""
        self._writer = spawn(self._run(), name="recording rows")

    def stop(self) -> None:
        """Stop writing. The next start writes what is left."""
        if self._writer is not None:
            self._writer.cancel()

    async def remove(self, uid: str) -> None:
        """Remove a recording whose media is gone. Raises what the database raises; the recording is then still listed."""
        self._unwritten.pop(uid, None)
        await self._rows.remove([uid])
        self.catalog.remove(uid)

    def _note(self, recording: StoredRecording) -> None:
        self._unwritten[recording.uid] = recording
        self._wake.set()

    async def _run(self) -> None:
        await self._read_late()
        await self._write()

    async def _read_late(self) -> None:
        """List the recordings whose rows could not be read at the start."""
        pause = self._first_pause
        while self._unread:
            listed = {each.uid for each in self.catalog}
            try:
                rows = await self._rows.all()
            except Exception as problem:  # of any database
                log.warning("stored recordings not listed yet, will retry", problem=type(problem).__name__)
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
                continue
            for recording in rows:
                # One that was listed before the query and is missing now was deleted.
                if recording.uid not in listed and self.catalog.find(recording.uid) is None:
                    self.catalog.restore(recording)
            self._unread = False

    async def _write(self) -> None:
        pause = self._first_pause
        while True:
            await self._wake.wait()
            some = list(self._unwritten.values())[:BATCH]
            try:
                await self._rows.put(some)
            except Exception as problem:  # of any database: a recording must not be lost from the list for it
                log.warning("recordings not written, will retry", count=len(some), problem=type(problem).__name__)
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
                continue
            pause = self._first_pause
            await self._forget_written(some)

    async def _forget_written(self, written: list[StoredRecording]) -> None:
        """Forget what is written, unless it has changed meanwhile. One that was deleted meanwhile must not come back."""
        deleted = [each.uid for each in written if self.catalog.find(each.uid) is None]
        if deleted:
            with suppress(Exception):  # the row has no media: the next start removes it
                await self._rows.remove(deleted)
        for each in written:
            if self._unwritten.get(each.uid) is each:
                del self._unwritten[each.uid]
        if not self._unwritten:
            self._wake.clear()
