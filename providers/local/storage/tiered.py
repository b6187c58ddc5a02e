"""A storage on the local disk whose finished files are uploaded to an object store, and evicted from the disk later.

Writing is local and as fast as without: a sealed file is queued, and the local copy stays until its upload is confirmed. Reading
prefers the local copy.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

import structlog

from providers.base import Spawn
from providers.local.storage.errors import StorageError
from providers.local.storage.fetcher import Fetcher, FetchLimits
from providers.local.storage.index import INDEX_FILE, UID
from providers.local.storage.local_copies import CacheLimits, LocalCopies
from providers.local.storage.objects import ObjectStore
from providers.local.storage.port import BroadcastFiles, StorageBackend
from providers.local.storage.recordings import RECORDING_FILE
from providers.local.storage.tiered_files import TieredFiles
from providers.local.storage.upload_journal import JOURNAL_FILE, UploadJournal
from providers.local.storage.uploader import Uploader, UploadLimits
from providers.local.storage.uploads import BroadcastUploads

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
        self._store = store
        self._interval = limits.interval
        self.copies = LocalCopies(local, limits.copies, monotonic)
        self.uploader = Uploader(store, limits.uploads, fence=fence, stored=self._stored, monotonic=monotonic)
        self.fetcher = Fetcher(store, limits.fetches)
        self._known: WeakValueDictionary[str, BroadcastUploads] = WeakValueDictionary()
        self._lock = threading.Lock()
        self._tasks: list[asyncio.Task[None]] = []

    # Life

    async def start(self, spawn: Spawn) -> None:
        """Begin to upload. Call it before broadcasts are recovered."""
        tombstones = self._local.open(TOMBSTONES)
        self.uploader.start(spawn, tombstones)
        for uid in await asyncio.to_thread(_names, tombstones):
            self.uploader.remove(uid, None)

    def scan(self, spawn: Spawn) -> None:
        """Find what was not uploaded, and evict from now on. Call it once broadcasts are recovered."""
        self._tasks = [spawn(self._find(), name="find uploads"), spawn(self._watch(), name="local copies")]

    async def aclose(self) -> None:
        """Stop uploading; `close` releases the local storage."""
        for task in self._tasks:
            task.cancel()
        await self.uploader.aclose()

    async def _find(self) -> None:
        """Scan all broadcasts, then those that were deferred. It waits for room, which may take hours."""
        await self._scan(await asyncio.to_thread(self._local.list))
        while True:
            if self.uploader.has_room:
                await self._scan(self.uploader.take_deferred())
            await asyncio.sleep(self._interval)

    async def _watch(self) -> None:
        while True:
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

    def fetch(self, uid: str) -> bool:
        """Write the description and the journal of a recording that another disk had. All else is read when it is needed."""
        own = self.uploader.key(uid, "")
        sizes = {key.removeprefix(own): size for key, size in self._store.sizes(own).items()}
        if RECORDING_FILE not in sizes or INDEX_FILE not in sizes:
            return False  # it has not ended, or is not stored whole
        description = self._store.read(own + RECORDING_FILE)
        with suppress(StorageError):  # an earlier try was interrupted
            self._local.create(uid)
        files = self._local.open(uid)
        # In this order: without its description, recovery would take it for an interrupted broadcast.
        files.replace(RECORDING_FILE, description)
        files.replace(JOURNAL_FILE, UploadJournal.encoded(sizes))
        with self._lock:
            self._known.pop(uid, None)
        log.info("recording found in the object store", recording=uid)
        return True

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
