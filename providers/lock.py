"""Exclusive use of a directory or a file by one process, held with flock(2).

The kernel releases the lock when the process ends, however it ends, so nothing stale can block the next start. A note beside the
lock names the holder for error messages; it decides nothing.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

NOTE_FILE = "lock"
"""The note in a locked directory."""

MAX_NOTE = 512
"""Bytes of a note that are read."""

NOTE_ATTEMPTS, NOTE_PAUSE = 10, 0.02
"""How often, and seconds between, a note is read that its holder is still writing."""

NEEDS_WRITING = frozenset({errno.EBADF, errno.EINVAL, errno.EISDIR, errno.ENOTSUP, errno.EOPNOTSUPP})
"""Errors of flock on a directory where the file system locks writable files only (NFS): the note is locked instead."""

_NOTE = re.compile(r"pid=(\d{1,10}) host=(\S{1,255}) since=(\S{1,40})\n")


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that holds a lock."""

    pid: int
    host: str
    since: str

    def __str__(self) -> str:
        return f"process {self.pid} on host {self.host} since {self.since}"

    @classmethod
    def this_process(cls) -> Holder:
        return cls(os.getpid(), socket.gethostname(), f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}")

    @classmethod
    def parse(cls, note: str) -> Holder | None:
        """Read what `note` wrote; None when it is something else."""
        found = _NOTE.search(note)
        return cls(int(found[1]), found[2], found[3]) if found else None

    @property
    def note(self) -> str:
        return f"pid={self.pid} host={self.host} since={self.since}\n"


class LockHeld(Exception):
    """Another process has the lock. The message names what is held, the holder, and the way out."""

    def __init__(self, what: str, holder: Holder | None, advice: str) -> None:
        super().__init__(f"{what} is in use by {holder or 'another process'}: {advice}.")
        self.holder = holder


class ExclusiveLock:
    """A lock on `path`, which must exist if it is a directory; a file is created.

    Args:
        path: The directory, or the lock file.
        what: The subject of the error message, such as "The data directory /data".
        advice: What the operator can do, such as "stop it first".
    """

    def __init__(self, path: Path, what: str, advice: str) -> None:
        self._path = path
        self._what, self._advice = what, advice
        self._held: list[int] = []

    def acquire(self) -> None:
        """Take the lock without waiting. Errors: LockHeld, OSError."""
        if self._held:
            raise RuntimeError("the lock is held already")
        try:
            note = self._lock_directory() if self._path.is_dir() else self._lock_file(self._path)
        except BlockingIOError:
            self.release()
            raise LockHeld(self._what, self._read_holder(), self._advice) from None
        except BaseException:
            self.release()
            raise
        os.ftruncate(note, 0)
        os.pwrite(note, Holder.this_process().note.encode(), 0)

    def release(self) -> None:
        """Let go of the lock; safe to call twice. The note stays, because removing it could remove the next holder's."""
        while self._held:
            os.close(self._held.pop())

    def _lock_directory(self) -> int:
        """Lock the directory itself, which cannot be deleted and replaced like a lock file. Return the note."""
        note = self._path / NOTE_FILE
        directory = self._opened(self._path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise
        except OSError as refused:
            if refused.errno not in NEEDS_WRITING:
                raise
            return self._lock_file(note)
        return self._opened(note, os.O_RDWR | os.O_CREAT)

    def _lock_file(self, path: Path) -> int:
        while True:
            file = self._opened(path, os.O_RDWR | os.O_CREAT)
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(file), path.stat()):
                    return file
            self.release()  # the file was deleted between the two calls

    def _opened(self, path: Path, flags: int) -> int:
        """Open `path` for this process alone: its children must not keep the lock when it is killed."""
        self._held.append(os.open(path, flags | os.O_CLOEXEC, 0o600))
        return self._held[-1]

    def _read_holder(self) -> Holder | None:
        path = self._path / NOTE_FILE if self._path.is_dir() else self._path
        for _ in range(NOTE_ATTEMPTS):
            with suppress(OSError):
                with path.open("rb") as note:
                    holder = Holder.parse(note.read(MAX_NOTE).decode(errors="replace"))
                if holder is not None:
                    return holder
            time.sleep(NOTE_PAUSE)
        return None
