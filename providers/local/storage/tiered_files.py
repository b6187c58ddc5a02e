"""The files of one broadcast whose finished ones are uploaded. Reading prefers the local copy."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from io import BytesIO
from typing import BinaryIO, Protocol

import structlog
from aiohttp import web

from providers.local.storage.errors import StorageError
from providers.local.storage.fetcher import Fetcher
from providers.local.storage.index import INDEX_FILE
from providers.local.storage.local_copies import LocalCopies
from providers.local.storage.port import BroadcastFiles, OpenFile
from providers.local.storage.upload_journal import JOURNAL_FILE
from providers.local.storage.uploader import Uploader
from providers.local.storage.uploads import INDEX_LINES, BroadcastUploads

log = structlog.get_logger(__name__)


class Tiers(Protocol):
    """What the files of all broadcasts share. `tiered.TieredBackend` implements it.

    Attributes:
        uploader: Queues and retries.
        copies: Local copies that may be evicted.
        fetcher: Reads what was evicted.
        public_url: Where players reach the objects themselves; None if they do not.
    """

    uploader: Uploader
    copies: LocalCopies
    fetcher: Fetcher
    public_url: str | None

    def uploads(self, uid: str) -> BroadcastUploads:
        """Return the uploads of a broadcast. Blocking the first time. Raises OSError."""

    def delete_all(self, uid: str) -> None:
        """Delete what was never a recording. Raises StorageError."""


class TieredFile:
    """Implements `port.OpenFile`: a local file that is uploaded once it is sealed."""

    def __init__(self, file: OpenFile, name: str, files: TieredFiles) -> None:
        self._file = file
        self._name = name
        self._files = files
        self._lines = 0

    @property
    def size(self) -> int:
        return self._file.size

    def append(self, data: bytes) -> None:
        """Append to the local file."""
        self._file.append(data)
        if self._name == INDEX_FILE:
            self._lines += 1
            if self._lines >= INDEX_LINES:
                self._lines = 0
                self._files.report(BroadcastUploads.index_grew, self._file.size)

    def sync(self) -> None:
        """Sync the local file."""
        self._file.sync()

    def seal(self) -> None:
        """Seal the local file, and queue its upload."""
        self._file.seal()
        self._closed(sealed=True)

    def close(self) -> None:
        """Close the local file, which is not uploaded."""
        self._file.close()
        self._closed(sealed=False)

    def _closed(self, *, sealed: bool) -> None:
        name, self._name = self._name, ""
        if name:
            self._files.report(lambda uploads: uploads.closed(name, sealed=sealed))


class TieredFiles:
    """Implements `port.BroadcastFiles`."""

    def __init__(self, uid: str, local: BroadcastFiles, tiers: Tiers) -> None:
        self._uid = uid
        self._local = local
        self._tiers = tiers
        self._uploads: BroadcastUploads | None = None

    @property
    def uploads(self) -> BroadcastUploads:
        """The uploads of this broadcast. Its first use reads the journal: blocking. Raises OSError."""
        if self._uploads is None:
            self._uploads = self._tiers.uploads(self._uid)
        return self._uploads

    def report(self, change: Callable[..., None], *args: object) -> None:
        """Report a change of the local files to the uploads."""
        try:
            self._tiers.uploader.call(change, self.uploads, *args)
        except OSError as problem:
            log.error("upload not queued", recording=self._uid, problem=str(problem))

    # Writing

    def create(self, name: str) -> TieredFile:
        """Create locally. A number that a power failure set free is written again: its object has other media."""
        file = TieredFile(self._local.create(name), name, self)
        self._tiers.copies.discard(self._uid, name)
        self.report(BroadcastUploads.opened, name)
        return file

    def reopen(self, name: str) -> TieredFile:
        """Reopen locally."""
        file = TieredFile(self._local.reopen(name), name, self)
        self.report(BroadcastUploads.opened, name)
        return file

    def replace(self, name: str, data: bytes) -> None:
        """Replace locally, and queue the upload."""
        self._local.replace(name, data)
        self.report(BroadcastUploads.replaced, name)

    def truncate(self, name: str, size: int) -> None:
        """Truncate locally. A truncated file is uploaded when the storage is scanned after a start."""
        self._local.truncate(name, size)

    def delete(self, name: str) -> None:
        """Delete the local file and the object."""
        self._local.delete(name)
        self._tiers.copies.discard(self._uid, name)
        self.report(BroadcastUploads.deleted, name)

    def delete_all(self) -> None:
        """Delete the broadcast and its objects."""
        with suppress(StorageError):
            self._tiers.delete_all(self._uid)

    # Reading

    def names(self) -> list[str]:
        """List local files and objects."""
        stored = [name for name in self.uploads.journal.sizes if "/" not in name]
        return sorted({*self._local.names(), *stored} - {JOURNAL_FILE})

    def size(self, name: str) -> int | None:
        """Return the size of the local file, otherwise that of the object."""
        size = self._local.size(name)
        return self.uploads.journal.sizes.get(name) if size is None else size

    def modified(self) -> float:
        """Return the time of the newest local file."""
        return self._local.modified()

    def read(self, name: str, start: int = 0, end: int | None = None) -> bytes:
        """Read the local file, otherwise the object."""
        try:
            return self._local.read(name, start, end)
        except FileNotFoundError:
            return self._tiers.fetcher.read(self._key(name))[start:end]

    def open(self, name: str) -> BinaryIO:
        """Open the local file, otherwise the object in memory."""
        try:
            return self._local.open(name)
        except FileNotFoundError:
            return BytesIO(self._tiers.fetcher.read(self._key(name)))

    async def load(self, name: str) -> bytes:
        """Return the local file, otherwise the object."""
        try:
            return await asyncio.to_thread(self._local.read, name)
        except FileNotFoundError:
            key = await asyncio.to_thread(self._key, name)
            return await self._tiers.fetcher.load(key)

    def _key(self, name: str) -> str:
        if name not in self.uploads.journal.sizes:
            raise FileNotFoundError(name)
        return self._tiers.uploader.key(self._uid, name)

    async def public_base(self) -> str | None:
        """Return the address of the objects, once all of a recording are confirmed. They never change after that."""
        if self._tiers.public_url is None:
            return None
        uploads = self._uploads
        if uploads is None:
            uploads = await asyncio.to_thread(lambda: self.uploads)
        if not uploads.journal.complete:
            return None
        return f"{self._tiers.public_url}/{self._tiers.uploader.key(self._uid, '')}"

    def sendfile(self, name: str, headers: Mapping[str, str]) -> web.StreamResponse | None:
        """Send the local file; None if there is none."""
        return None if self._local.size(name) is None else self._local.sendfile(name, headers)

    def check(self) -> None:
        """Raise the failure of an earlier local write."""
        self._local.check()
