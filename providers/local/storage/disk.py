"""The storage on a disk: a folder for each broadcast.

<root>/<uid>/index.jsonl            what was written, line by line (index.py)
             recording.json         after the broadcast has ended (recordings.py)
             <track>-init-<g>.mp4   named as in their URLs, so that a web server may serve them
             <track>-<n>.m4s
<root>/broken/<uid>-<time>/         unreadable broadcasts, kept for the operator
"""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import structlog
from aiohttp import web

from providers.local.storage.errors import StorageError
from providers.local.storage.index import UID
from providers.local.storage.syncer import Syncer

log = structlog.get_logger(__name__)

BROKEN = "broken"
"""The folder of broadcasts that were set aside."""

DELETED = "deleted-"
"""How the name of a folder begins that is being removed."""


class DiskFile:
    """Implements `port.OpenFile`."""

    def __init__(self, fd: int, name: str, size: int, syncer: Syncer) -> None:
        self._fd: int | None = fd
        self._name = name
        self._syncer = syncer
        self.size = size

    def append(self, data: bytes) -> None:
        """Write to the page cache."""
        if self._fd is None:
            raise StorageError(f"{self._name} is closed")
        try:
            done = os.write(self._fd, data)
            # write(2) may write less, for example on a nearly full disk.
            while done < len(data):
                done += os.write(self._fd, data[done:])
        except OSError as problem:
            try:
                # Part of the data may be there: the next append would follow it.
                os.ftruncate(self._fd, self.size)
            except OSError:
                log.warning("partial write not removed", file=self._name)
            raise StorageError(f"{self._name} could not be written: {problem.strerror}") from problem
        self.size += len(data)

    def sync(self) -> None:
        """Sync in a thread."""
        if self._fd is not None:
            self._syncer.sync(self._fd)

    def seal(self) -> None:
        """Sync and close in a thread."""
        if self._fd is not None:
            fd, self._fd = self._fd, None
            self._syncer.close(fd)

    def close(self) -> None:
        """Close without a sync."""
        if self._fd is not None:
            fd, self._fd = self._fd, None
            os.close(fd)


class DiskFiles:
    """Implements `port.BroadcastFiles`: one folder."""

    def __init__(self, folder: Path, syncer: Syncer) -> None:
        self._folder = folder
        self._syncer = syncer

    def create(self, name: str) -> DiskFile:
        """Open for appending, emptied."""
        return DiskFile(self._open(name, os.O_APPEND | os.O_TRUNC), name, 0, self._syncer)

    def reopen(self, name: str) -> DiskFile:
        """Open for appending."""
        fd = self._open(name, os.O_APPEND)
        return DiskFile(fd, name, os.fstat(fd).st_size, self._syncer)

    def _open(self, name: str, flags: int) -> int:
        try:
            return os.open(self._folder / name, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | flags, 0o600)
        except OSError as problem:
            raise StorageError(f"{name} could not be opened: {problem.strerror}") from problem

    def replace(self, name: str, data: bytes) -> None:
        """Write a draft and rename it."""
        draft = name + ".tmp"
        file = self.create(draft)
        try:
            file.append(data)
            # Atomic (rename(2)): a reader sees the old file or the new one, whole.
            os.replace(self._folder / draft, self._folder / name)
        except OSError as problem:
            raise StorageError(f"{name} could not be written: {problem.strerror}") from problem
        finally:
            file.seal()
            (self._folder / draft).unlink(missing_ok=True)

    def truncate(self, name: str, size: int) -> None:
        """Truncate in place."""
        os.truncate(self._folder / name, size)

    def delete(self, name: str) -> None:
        """Unlink."""
        (self._folder / name).unlink(missing_ok=True)

    def delete_all(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def names(self) -> list[str]:
        """List the folder."""
        return sorted(os.listdir(self._folder))

    def size(self, name: str) -> int | None:
        """Stat the file."""
        try:
            return (self._folder / name).stat().st_size
        except FileNotFoundError:
            return None

    def modified(self) -> float:
        """Return the newest time of modification."""
        # Not the folder's own time, which only changes with its list of names.
        times = [file.stat().st_mtime for file in self._folder.iterdir()]
        if not times:
            raise FileNotFoundError(f"{self._folder.name} has no files")
        return max(times)

    def read(self, name: str, start: int = 0, end: int | None = None) -> bytes:
        """Read a range."""
        with self.open(name) as file:
            file.seek(start)
            return file.read() if end is None else file.read(max(0, end - start))

    async def load(self, name: str) -> bytes:
        """Read in a thread."""
        return await asyncio.to_thread(self.read, name)

    def open(self, name: str) -> BinaryIO:
        """Open for reading."""
        return (self._folder / name).open("rb")

    async def public_base(self) -> None:
        """Return None: nothing is public."""

    def sendfile(self, name: str, headers: Mapping[str, str]) -> web.StreamResponse:
        """Let the kernel send the file: FileResponse uses the event loop's `sendfile`, where that is implemented."""
        return web.FileResponse(self._folder / name, headers=headers)

    def check(self) -> None:
        """Raise the failure of an earlier sync."""
        self._syncer.check()


class DiskBackend:
    """Implements `port.StorageBackend`: the folders below `root`, which is created. `sync=False` makes nothing durable at once."""

    def __init__(self, root: Path, *, sync: bool = True) -> None:
        self._root = root
        self._syncer = Syncer(enabled=sync)
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        # A process died while it deleted them.
        for left in root.glob(f"{DELETED}*"):
            shutil.rmtree(left, ignore_errors=True)

    def create(self, uid: str) -> DiskFiles:
        """Make a folder."""
        try:
            (self._root / uid).mkdir(mode=0o700)
        except OSError as problem:
            raise StorageError(f"a broadcast could not be created: {problem.strerror}") from problem
        return self.open(uid)

    def open(self, uid: str) -> DiskFiles:
        """Return a folder's files."""
        return DiskFiles(self._root / uid, self._syncer)

    def fetch(self, uid: str) -> bool:
        """Return False: all recordings are here."""
        return False

    def list(self) -> list[str]:
        """List the folders that are named like broadcasts."""
        return sorted(name for name in os.listdir(self._root) if UID.fullmatch(name))

    def delete(self, uid: str) -> None:
        """Remove a folder. It is renamed first: a process that dies in between leaves no part of a broadcast to recover."""
        doomed = self._root / f"{DELETED}{uid}"
        try:
            (self._root / uid).rename(doomed)
        except FileNotFoundError:
            return
        except OSError as problem:
            raise StorageError(f"a broadcast could not be removed: {problem.strerror}") from problem
        shutil.rmtree(doomed, ignore_errors=True)

    def set_aside(self, uid: str) -> None:
        """Move a folder to `broken`."""
        (self._root / BROKEN).mkdir(exist_ok=True)
        (self._root / uid).rename(self._root / BROKEN / f"{uid}-{time.time_ns()}")

    def shortage(self) -> str:
        """Return nothing: there is no other cause."""
        return ""

    def free_space(self) -> int:
        """Ask the file system what an unprivileged process may use."""
        stat = os.statvfs(self._root)
        # Not f_bfree, which counts the blocks reserved for root (statvfs(3)).
        return stat.f_bavail * stat.f_frsize

    def close(self) -> None:
        """Wait for all syncs."""
        self._syncer.wait()
