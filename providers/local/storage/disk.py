"""Writing media: whole writes or none, and when they reach the platter.

What was written survives a kill -9 of every process, because the page cache is the kernel's. A power cut is another matter:
the kernel writes back only after up to 30 s. So each closed segment is synced, in a thread of its own, since a sync may take
as long as the disk likes and the event loop carries every stream. Parts are not synced one by one: three syncs a second and
track would cost more than the third of a second of media they save. A failed sync is kept and raised at the next write.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import structlog

from providers.local.storage.errors import StorageError

log = structlog.get_logger(__name__)

MAX_WAITING_SYNCS = 256
"""Files waiting for their sync; a disk that falls further behind gets no more (they are closed, and written back by the kernel)."""


def write_whole(fd: int, data: bytes, size: int, what: str) -> None:
    """Append `data` to a file that is `size` bytes long, all of it or, after an error, nothing. Errors: StorageError."""
    try:
        done = os.write(fd, data)
        while done < len(data):
            done += os.write(fd, data[done:])
    except OSError as problem:
        try:
            os.ftruncate(fd, size)
        except OSError:
            log.warning("cannot take back half a write", what=what)
        raise StorageError(f"{what} could not be written: {problem.strerror}") from problem


class Syncer:
    """Syncs and closes files in one thread; with `enabled=False` it only closes them."""

    def __init__(self, *, enabled: bool = True) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="storage-sync") if enabled else None
        self._waiting = 0
        self._failure: OSError | None = None

    def close(self, fd: int, *, keep: bool = False) -> None:
        """Sync `fd`, then close it, unless it is to be kept open (the index): then a copy of it is synced."""
        if self._thread is None or self._waiting >= MAX_WAITING_SYNCS:
            if not keep:
                os.close(fd)
            return
        try:
            synced = os.dup(fd) if keep else fd
        except (
            OSError
        ) as problem:  # no descriptor left: the kernel writes it back in its own time, and the stream goes on
            log.warning("not synced", problem=problem.strerror)
            return
        self._waiting += 1
        self._thread.submit(self._sync, synced)

    def _sync(self, fd: int) -> None:
        try:
            os.fdatasync(fd)
        except OSError as problem:
            self._failure = problem
        finally:
            os.close(fd)
            self._waiting -= 1

    def replace(self, path: Path, data: bytes) -> None:
        """Write a small file that is there as a whole or not at all, and sync it afterwards, in the thread.

        A power cut before that may leave an empty file. Errors: StorageError.
        """
        draft = path.with_name(path.name + ".tmp")
        try:
            fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        except OSError as problem:
            raise StorageError(f"{path.name} could not be written: {problem.strerror}") from problem
        try:
            write_whole(fd, data, 0, path.name)
            draft.replace(path)
        except OSError as problem:
            raise StorageError(f"{path.name} could not be written: {problem.strerror}") from problem
        finally:
            self.close(fd)
            draft.unlink(missing_ok=True)

    def check(self) -> None:
        """Raise the failure of an earlier sync, once. Errors: StorageError."""
        failure, self._failure = self._failure, None
        if failure is not None:
            raise StorageError(f"the disk failed: {failure.strerror}") from failure

    def aclose(self) -> None:
        """Wait for what is under way. Blocks as long as the disk does: call it in a thread, or when nothing else runs."""
        if self._thread is not None:
            self._thread.shutdown(wait=True)
