"""A storage on the local disk whose finished files are uploaded to an object store, and evicted from the disk later.

Writing is local and as fast as without: a sealed file is queued, and the local copy stays until its upload is confirmed. Reading
prefers the local copy.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from io import BytesIO
from typing import BinaryIO
from weakref import WeakValueDictionary

import structlog
from aiohttp import web

from providers.base import Spawn
from providers.local.storage.errors import StorageError
from providers.local.storage.fetcher import Fetcher, FetchLimits
from providers.local.storage.index import INDEX_FILE, UID
from providers.local.storage.local_copies import CacheLimits, LocalCopies
from providers.local.storage.objects import ObjectStore
from providers.local.storage.port import BroadcastFiles, OpenFile, StorageBackend
from providers.local.storage.upload_journal import JOURNAL_FILE
from providers.local.storage.uploader import Uploader, UploadLimits
from providers.local.storage.uploads import INDEX_LINES, BroadcastUploads

log = structlog.get_logger(__name__)

TOMBSTONES = "objects-to-delete"
"""The folder that names deleted broadcasts whose objects may still be there."""


@dataclass(frozen=True, slots=True)
class TieredLimits:
    """Limits of uploads, local copies and reads from the object store. `interval`: seconds between two checks of the copies."""

    uploads: UploadLimits = field(default_factory=UploadLimits)
    copies: CacheLimits = field(default_factory=CacheLimits)
    fetches: FetchLimits = field(default_factory=FetchLimits)
    interval: float = 5.0


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

    def __init__(self, uid: str, local: BroadcastFiles, backend: TieredBackend) -> None:
        self._uid = uid
        self._local = local
        self._backend = backend
        self._uploads: BroadcastUploads | None = None

    @property
    def uploads(self) -> BroadcastUploads:
        """The uploads of this broadcast. Its first use reads the journal: blocking. Raises OSError."""
        if self._uploads is None:
            self._uploads = self._backend.uploads(self._uid)
        return self._uploads

    def report(self, change: Callable[..., None], *args: object) -> None:
        """Report a change of the local files to the uploads."""
        try:
            self._backend.uploader.call(change, self.uploads, *args)
        except OSError as problem:
            log.error("upload not queued", recording=self._uid, problem=str(problem))

    # Writing

    def create(self, name: str) -> TieredFile:
        """Create locally."""
        file = TieredFile(self._local.create(name), name, self)
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
        self._backend.copies.discard(self._uid, name)
        self.report(BroadcastUploads.deleted, name)

    def delete_all(self) -> None:
        """Delete the broadcast and its objects."""
        with suppress(StorageError):
            self._backend.delete_all(self._uid)

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
            return self._backend.fetcher.read(self._key(name))[start:end]

    def open(self, name: str) -> BinaryIO:
        """Open the local file, otherwise the object in memory."""
        try:
            return self._local.open(name)
        except FileNotFoundError:
            return BytesIO(self._backend.fetcher.read(self._key(name)))

    async def load(self, name: str) -> bytes:
        """Return the local file, otherwise the object."""
        try:
            return await asyncio.to_thread(self._local.read, name)
        except FileNotFoundError:
            key = await asyncio.to_thread(self._key, name)
            return await self._backend.fetcher.load(key)

    def _key(self, name: str) -> str:
        if name not in self.uploads.journal.sizes:
            raise FileNotFoundError(name)
        return self._backend.uploader.key(self._uid, name)

    async def public_base(self) -> str | None:
        """Return the address of the objects, once all of a recording are confirmed. They never change after that."""
        if self._backend.public_url is None:
            return None
        uploads = self._uploads
        if uploads is None:
            uploads = await asyncio.to_thread(lambda: self.uploads)
        if not uploads.journal.complete:
            return None
        return f"{self._backend.public_url}/{self._backend.uploader.key(self._uid, '')}"

    def sendfile(self, name: str, headers: Mapping[str, str]) -> web.StreamResponse | None:
        """Send the local file; None if there is none."""
        return None if self._local.size(name) is None else self._local.sendfile(name, headers)

    def check(self) -> None:
        """Raise the failure of an earlier local write."""
        self._local.check()


class TieredBackend:
    """Implements `port.StorageBackend`.

    Attributes:
        uploader: Queues and retries.
        copies: Local copies that may be evicted.
        fetcher: Reads what was evicted.
        public_url: Where players reach the objects themselves.
    """

    def __init__(
        self,
        local: StorageBackend,
        store: ObjectStore,
        limits: TieredLimits = TieredLimits(),
        *,
        fence: int = 0,
        public_url: str | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Use a local storage and an object store. Nothing is uploaded before `start`.

        Args:
            local: Where broadcasts are written.
            store: Where they are kept.
            limits: The limits.
            fence: The number under which this process stores.
            public_url: Where players reach the objects themselves, without a trailing slash; None if they do not.
            monotonic: A steady clock, in seconds.
        """
        self.public_url = public_url
        self._local = local
        self._interval = limits.interval
        self.copies = LocalCopies(local, limits.copies, monotonic)
        self.uploader = Uploader(store, limits.uploads, fence=fence, stored=self._stored, monotonic=monotonic)
        self.fetcher = Fetcher(store, limits.fetches)
        self._known: WeakValueDictionary[str, BroadcastUploads] = WeakValueDictionary()
        self._lock = threading.Lock()
        self._scanner: asyncio.Task[None] | None = None

    # Life

    async def start(self, spawn: Spawn) -> None:
        """Begin to upload. Call it before broadcasts are recovered."""
        tombstones = self._local.open(TOMBSTONES)
        self.uploader.start(spawn, tombstones)
        for uid in await asyncio.to_thread(_names, tombstones):
            self.uploader.remove(uid, None)

    def scan(self, spawn: Spawn) -> None:
        """Find what was not uploaded, and evict from now on. Call it once broadcasts are recovered."""
        self._scanner = spawn(self._watch(), name="local copies")

    async def aclose(self) -> None:
        """Stop uploading; `close` releases the local storage."""
        if self._scanner is not None:
            self._scanner.cancel()
        await self.uploader.aclose()

    async def _watch(self) -> None:
        await self._scan(await asyncio.to_thread(self._local.list))
        while True:
            if self.uploader.has_room:
                await self._scan(self.uploader.take_deferred())
            self.uploader.check_lag()
            try:
                while removed := self.copies.evict():
                    log.debug("local copies evicted", files=removed)
                    await asyncio.sleep(0)
            except OSError as problem:
                log.error("local copies not evicted", problem=problem.strerror)
            await asyncio.sleep(self._interval)

    async def _scan(self, uids: Iterable[str]) -> None:
        """Queue what is not confirmed of these broadcasts, oldest first, and note the local copies of what is."""
        for uid in await asyncio.to_thread(self._by_age, uids):
            await self.uploader.wait_for_room()
            try:
                uploads, local = await asyncio.to_thread(self._inspect, uid)
            except OSError as problem:
                log.error("broadcast not scanned for uploads", uid=uid, problem=str(problem))
                continue
            for name, size in local.items():
                if uploads.journal.sizes.get(name) == size:
                    self.copies.add(uid, name, uploads.files, size)
            self.uploader.call(uploads.found, local)

    def _by_age(self, uids: Iterable[str]) -> list[str]:
        def age(uid: str) -> float:
            try:
                return self._local.open(uid).modified()
            except OSError:
                return 0.0

        return sorted(uids, key=age)

    def _inspect(self, uid: str) -> tuple[BroadcastUploads, dict[str, int]]:
        uploads = self.uploads(uid)
        return uploads, {name: uploads.files.size(name) or 0 for name in uploads.files.names()}

    def _stored(self, uploads: BroadcastUploads, name: str, size: int) -> None:
        self.copies.add(uploads.uid, name, uploads.files, size)

    def uploads(self, uid: str) -> BroadcastUploads:
        """Return the uploads of a broadcast. Blocking the first time. Raises OSError."""
        with self._lock:  # two of one broadcast would contradict each other
            known = self._known.get(uid)
            if known is None:
                known = self._known[uid] = BroadcastUploads(uid, self._local.open(uid), self.uploader)
            return known

    # The port

    def create(self, uid: str) -> TieredFiles:
        """Create locally."""
        self._local.create(uid)
        files = self.open(uid)
        _ = files.uploads  # while there are no files: nothing has to be scanned
        return files

    def open(self, uid: str) -> TieredFiles:
        """Return the files of a broadcast."""
        return TieredFiles(uid, self._local.open(uid), self)

    def list(self) -> list[str]:
        """List the local broadcasts."""
        return [uid for uid in self._local.list() if UID.fullmatch(uid)]

    def delete(self, uid: str) -> None:
        """Delete the local files; the objects follow in the background, also after a restart."""
        self._delete(uid, bury=True)

    def delete_all(self, uid: str) -> None:
        """Delete what was never a recording. Most such broadcasts have no object."""
        self._delete(uid, bury=False)

    def _delete(self, uid: str, *, bury: bool) -> None:
        try:
            self._local.open(uid).names()
        except FileNotFoundError:
            return
        uploads = self.uploads(uid)
        if bury or uploads.may_have_objects:
            self._bury(uid)
            self.uploader.call(self._removed, uid, uploads)
        self._local.delete(uid)

    def _bury(self, uid: str) -> None:
        """Write the tombstone. Raises StorageError."""
        if not self._has_tombstones():
            self._local.create(TOMBSTONES)
        self._local.open(TOMBSTONES).replace(uid, b"")

    def _has_tombstones(self) -> bool:
        try:
            self._local.open(TOMBSTONES).names()
        except FileNotFoundError:
            return False
        return True

    def _removed(self, uid: str, uploads: BroadcastUploads) -> None:
        for name in uploads.journal.sizes:
            self.copies.discard(uid, name)
        self.uploader.remove(uid, uploads)

    def set_aside(self, uid: str) -> None:
        """Set the local files aside. The objects stay, for the operator."""
        self._local.set_aside(uid)

    def shortage(self) -> str:
        """Name uploads that are late: their local copies must stay."""
        if not self.uploader.is_late:
            return ""
        return f"the object store has taken no uploads for {self.uploader.lag / 60:.0f} minutes"

    def free_space(self) -> int:
        """Return the free space of the local storage."""
        return self._local.free_space()

    def close(self) -> None:
        """Close the local storage."""
        self._local.close()


def _names(tombstones: BroadcastFiles) -> list[str]:
    try:
        return [name for name in tombstones.names() if UID.fullmatch(name)]
    except OSError:
        return []
