"""When written media becomes durable.

Written data survives a kill -9 of every process, because the page cache is the kernel's. It does not survive a power failure:
the kernel writes back only after up to 30 s. So each closed segment is synced, in a thread, because a sync may take
long and the event loop serves every stream. Parts are not synced one by one: three syncs a second and track would cost more
than the third of a second of media they save. A failed sync is kept and raised at the next write.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import structlog

from providers.local.storage.errors import StorageError

log = structlog.get_logger(__name__)

MAX_WAITING_SYNCS = 256
"""Files that may wait for their sync. Over the limit files are closed unsynced, and the kernel writes them back."""


class Syncer:
    """Syncs and closes files in one thread; with `enabled=False` it only closes them."""

    def __init__(self, *, enabled: bool = True) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="storage-sync") if enabled else None
        self._waiting = 0
        self._failure: OSError | None = None

    def close(self, fd: int) -> None:
        """Sync a file in the background, then close it."""
        if self._thread is None or self._waiting >= MAX_WAITING_SYNCS:
            os.close(fd)
        else:
            self._submit(self._thread, fd)

    def sync(self, fd: int) -> None:
        """Sync a file in the background; it stays open."""
        if self._thread is None or self._waiting >= MAX_WAITING_SYNCS:
            return
        try:
            # A copy of the descriptor: the file may be closed before its turn comes.
            copy = os.dup(fd)
        except OSError as problem:
            # No descriptor is left. The kernel writes the file back later, and the stream continues.
            log.warning("file not synced", problem=problem.strerror)
            return
        self._submit(self._thread, copy)

    def _submit(self, thread: ThreadPoolExecutor, fd: int) -> None:
        self._waiting += 1
        thread.submit(self._sync_and_close, fd)

    def _sync_and_close(self, fd: int) -> None:
        try:
            # The size is synced with the data, as it is needed to read it; other metadata is not (fdatasync(2)).
            os.fdatasync(fd)
        except OSError as problem:
            self._failure = problem
        finally:
            os.close(fd)
            self._waiting -= 1

    def check(self) -> None:
        """Raise the failure of an earlier sync, once. Raises StorageError."""
        failure, self._failure = self._failure, None
        if failure is not None:
            raise StorageError(f"the disk failed: {failure.strerror}") from failure

    def wait(self) -> None:
        """Wait for all syncs. Blocking."""
        if self._thread is not None:
            self._thread.shutdown(wait=True)
