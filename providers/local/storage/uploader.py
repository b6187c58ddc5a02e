"""Uploads in the background: a bounded queue, a few requests at a time, retries with back-off; and deletions that restarts keep.

Nothing here may disturb a running broadcast: an object store that fails makes the queue longer, and the local copies stay.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import ParamSpec

import structlog

from providers.base import Spawn
from providers.local.storage.errors import ObjectStoreError, StorageError
from providers.local.storage.objects import ObjectStore
from providers.local.storage.port import BroadcastFiles
from providers.local.storage.uploads import BroadcastUploads, Upload

log = structlog.get_logger(__name__)

P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """Limits of the uploader.

    Attributes:
        queue: Uploads that may wait. What does not fit is found again by a scan of the local files.
        workers: Requests at a time.
        first_pause: Seconds before the first retry; each further failure doubles it.
        longest_pause: Seconds between two retries at most.
        drain: Seconds that a stop waits for the queue.
        late: Seconds that an object may wait before the lag is logged as an error.
    """

    queue: int = 20_000
    workers: int = 4
    first_pause: float = 0.5
    longest_pause: float = 30.0
    drain: float = 3.0
    late: float = 60.0


@dataclass(slots=True)
class UploadCounters:
    """What was done since the start."""

    objects: int = 0
    bytes: int = 0
    failures: int = 0
    deferred: int = 0


class Uploader:
    """Uploads, and the deletions of whole broadcasts.

    Attributes:
        counters: What was done.
        is_late: Whether the oldest upload waits for longer than the limit, as of the last `check_lag`.
    """

    def __init__(
        self,
        store: ObjectStore,
        limits: UploadLimits,
        *,
        fence: int,
        stored: Callable[[BroadcastUploads, str, int], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare; nothing is uploaded before `start`.

        Args:
            store: The object store.
            limits: The limits.
            fence: The number under which this process stores (design of take-overs: a paused owner writes under an older one).
            stored: Called with the broadcast, name and size of a file whose local copy is no longer needed.
            monotonic: A steady clock, in seconds.
        """
        self._store = store
        self._limits = limits
        self._fence = fence
        self._stored = stored
        self._monotonic = monotonic
        self.counters = UploadCounters()
        self._queue: deque[Upload] = deque()
        self._since: dict[Upload, float] = {}
        self._wake = asyncio.Event()
        self._progress = asyncio.Event()
        self._deferred: set[str] = set()
        self._removals: dict[str, BroadcastUploads | None] = {}
        self._removal_wake = asyncio.Event()
        self._failures = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0
        self._tasks: list[asyncio.Task[None]] = []
        self.is_late = False

    def key(self, uid: str, name: str) -> str:
        """Return the key of an object: `<broadcast uid>/<fence>/<name>`."""
        return f"{uid}/{self._fence:08d}/{name}"

    # Life

    def start(self, spawn: Spawn, tombstones: BroadcastFiles) -> None:
        """Begin to upload, and to delete the broadcasts that `tombstones` names."""
        self._loop, self._thread = asyncio.get_running_loop(), threading.get_ident()
        for number in range(self._limits.workers):
            self._tasks.append(spawn(self._work(), name=f"upload {number}"))
        self._tasks.append(spawn(self._remove_broadcasts(tombstones), name="remove objects"))

    async def aclose(self) -> None:
        """Wait a moment for what is queued, then stop. The next start finds the rest."""
        if self._failures == 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._limits.drain):
                    await self._wait_until(lambda: not self._since)
        for task in self._tasks:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*self._tasks, return_exceptions=True)
        self._loop = None

    def call(self, change: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
        """Report a change of the local files, from any thread. Before the start it is not needed: the scan sees it."""
        if self._loop is None:
            return
        if threading.get_ident() != self._thread:
            with suppress(RuntimeError):  # the loop is closed: the next start scans
                self._loop.call_soon_threadsafe(lambda: self.call(change, *args, **kwargs))
            return
        try:
            change(*args, **kwargs)
        except StorageError as problem:
            # The file itself is stored; a broadcast must not stop for its upload.
            log.error("upload not queued", problem=str(problem))

    # The queue

    def submit(self, upload: Upload) -> bool:
        """Queue an upload. Return False if there is no room: its broadcast is scanned again later."""
        if self._loop is None:
            return False
        if len(self._since) >= self._limits.queue:
            self.scan_again(upload.broadcast.uid)
            self.counters.deferred += 1
            return False
        self._queue.append(upload)
        self._since[upload] = self._monotonic()
        self._wake.set()
        return True

    def scan_again(self, uid: str) -> None:
        """Name a broadcast in `take_deferred`."""
        self._deferred.add(uid)

    @property
    def waiting(self) -> int:
        """Uploads that are queued or under way."""
        return len(self._since)

    @property
    def lag(self) -> float:
        """Seconds since the oldest waiting upload was queued."""
        oldest = next(iter(self._since.values()), None)
        return 0.0 if oldest is None else max(0.0, self._monotonic() - oldest)

    @property
    def has_room(self) -> bool:
        """Whether at least half of the queue is free."""
        return len(self._since) < self._limits.queue // 2

    async def wait_for_room(self) -> None:
        """Wait until at least half of the queue is free."""
        await self._wait_until(lambda: self.has_room)

    async def _wait_until(self, reached: Callable[[], bool]) -> None:
        while not reached():
            self._progress.clear()
            await self._progress.wait()

    def take_deferred(self) -> Iterable[str]:
        """Return the uids of broadcasts that must be scanned again, and forget them."""
        taken, self._deferred = self._deferred, set()
        return taken

    async def _work(self) -> None:
        while True:
            while not self._queue:
                self._wake.clear()
                await self._wake.wait()
            upload = self._queue.popleft()
            broadcast = upload.broadcast
            broadcast.in_flight += 1
            try:
                await self._attempt(upload)
            except (OSError, StorageError) as problem:
                self._failed(upload, str(problem))
                await asyncio.sleep(self._pause())
            except Exception as fault:  # a fault of ours must not end the service
                log.exception("upload failed")
                self._failed(upload, repr(fault))
                await asyncio.sleep(self._pause())
            finally:
                broadcast.in_flight -= 1
                self._progress.set()

    async def _attempt(self, upload: Upload) -> None:
        broadcast = upload.broadcast
        if broadcast.removed:
            self._since.pop(upload, None)
            return
        key, size = self.key(broadcast.uid, upload.name), 0
        if upload.file is None:
            await self._store.delete([key])
        else:
            try:
                data = await asyncio.to_thread(broadcast.files.read, upload.file, upload.start, upload.end)
            except FileNotFoundError:
                self._since.pop(upload, None)
                broadcast.dropped(upload)
                return
            size = len(data)
            await self._store.put(key, data)
        if broadcast.confirmed(upload, size):
            self._stored(broadcast, upload.name, size)
        self._since.pop(upload, None)
        self._succeeded(size if upload.file is not None else None)

    def _succeeded(self, size: int | None) -> None:
        if size is not None:
            self.counters.objects += 1
            self.counters.bytes += size
        self._failures = 0

    def _failed(self, upload: Upload, problem: str) -> None:
        self.counters.failures += 1
        self._failures += 1
        self._queue.append(upload)
        if self._failures == 1:
            log.warning("upload failed, will retry", problem=problem, waiting=self.waiting)

    def check_lag(self) -> None:
        """Log when uploads become late, and when they have caught up."""
        late, self.is_late = self.is_late, self.lag >= self._limits.late
        if self.is_late and not late:
            log.error("uploads are late", waiting=self.waiting, seconds=round(self.lag))
        elif late and not self.is_late:
            log.info("uploads caught up", waiting=self.waiting)

    def _pause(self) -> float:
        pause: float = self._limits.first_pause * 2 ** min(self._failures, 16)
        # Jitter: the workers, and other nodes, must not retry in step.
        return min(pause, self._limits.longest_pause) * random.uniform(0.5, 1.0)  # noqa: S311

    # Deleted broadcasts

    def remove(self, uid: str, broadcast: BroadcastUploads | None) -> None:
        """Delete all objects of a broadcast, which has a tombstone. Its uploads are dropped."""
        if broadcast is not None:
            broadcast.removed = True
        self._removals[uid] = broadcast
        self._removal_wake.set()

    async def _remove_broadcasts(self, tombstones: BroadcastFiles) -> None:
        failures = 0
        while True:
            self._removal_wake.clear()
            for uid, broadcast in list(self._removals.items()):
                if broadcast is not None and broadcast.in_flight:
                    continue  # its last request could write after the deletion
                try:
                    await self._store.delete_below(f"{uid}/")
                    await asyncio.to_thread(tombstones.delete, uid)
                except (ObjectStoreError, OSError) as problem:
                    failures += 1
                    self.counters.failures += 1
                    log.warning("objects not deleted, will retry", recording=uid, problem=str(problem))
                    break
                failures = 0
                del self._removals[uid]
            pause = min(self._limits.first_pause * 2 ** min(failures, 16), self._limits.longest_pause)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause if self._removals else None):
                    await self._removal_wake.wait()
