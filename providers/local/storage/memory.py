"""The storage in memory: the twin of the disk for tests, which also outlives the `Storage` that uses it."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Callable, Mapping
from typing import BinaryIO

from aiohttp import web

from providers.local.storage.errors import StorageError

DEFAULT_CAPACITY = 1 << 30
"""Bytes."""


class MemoryFile:
    """Implements `port.OpenFile`."""

    def __init__(self, data: bytearray, has_room: Callable[[int], bool]) -> None:
        self._data: bytearray | None = data
        self._has_room = has_room
        self.size = len(data)

    def append(self, data: bytes) -> None:
        """Append to the bytes."""
        if self._data is None:
            raise StorageError("the file is closed")
        if not self._has_room(len(data)):
            raise StorageError("the memory of the storage is full")
        self._data += data
        self.size += len(data)

    def sync(self) -> None:
        """Do nothing: memory is as durable as it gets."""

    def seal(self) -> None:
        """Append nothing more."""
        self._data = None

    close = seal


class MemoryFiles:
    """Implements `port.BroadcastFiles`."""

    def __init__(self, backend: MemoryBackend, uid: str) -> None:
        self._backend = backend
        self._uid = uid

    @property
    def _files(self) -> dict[str, bytearray]:
        try:
            return self._backend.broadcasts[self._uid]
        except KeyError:
            raise FileNotFoundError(self._uid) from None

    def _file(self, name: str) -> bytearray:
        try:
            return self._files[name]
        except KeyError:
            raise FileNotFoundError(name) from None

    def create(self, name: str) -> MemoryFile:
        """Begin with no bytes."""
        return self._opened(name, bytearray())

    def reopen(self, name: str) -> MemoryFile:
        """Continue with the bytes there are."""
        try:
            return self._opened(name, self._files.get(name, bytearray()))
        except FileNotFoundError as problem:
            raise StorageError(f"{name} could not be opened") from problem

    def _opened(self, name: str, data: bytearray) -> MemoryFile:
        try:
            self._files[name] = data
        except FileNotFoundError as problem:
            raise StorageError(f"{name} could not be opened") from problem
        self._backend.written[self._uid] = time.time()
        return MemoryFile(data, self._note)

    def _note(self, size: int) -> bool:
        if size > self._backend.free_space():
            return False
        self._backend.written[self._uid] = time.time()
        return True

    def replace(self, name: str, data: bytes) -> None:
        """Replace the bytes."""
        if not self._note(len(data)):
            raise StorageError("the memory of the storage is full")
        self._opened(name, bytearray(data))

    def truncate(self, name: str, size: int) -> None:
        """Cut the bytes."""
        del self._file(name)[size:]

    def delete(self, name: str) -> None:
        """Remove the bytes."""
        self._files.pop(name, None)

    def delete_all(self) -> None:
        """Forget the broadcast."""
        self._backend.broadcasts.pop(self._uid, None)

    def names(self) -> list[str]:
        """List the names."""
        return sorted(self._files)

    def size(self, name: str) -> int | None:
        """Count the bytes."""
        data = self._backend.broadcasts.get(self._uid, {}).get(name)
        return None if data is None else len(data)

    def modified(self) -> float:
        """Return the time of the newest append."""
        if not self._files:
            raise FileNotFoundError(f"{self._uid} has no files")
        return self._backend.written[self._uid]

    def read(self, name: str, start: int = 0, end: int | None = None) -> bytes:
        """Copy a range."""
        return bytes(self._file(name)[start:end])

    async def load(self, name: str) -> bytes:
        """Read in a thread."""
        return await asyncio.to_thread(self.read, name)

    def open(self, name: str) -> BinaryIO:
        """Open a copy."""
        return io.BytesIO(self._file(name))

    async def public_base(self) -> None:
        """Return None: nothing is public."""

    def sendfile(self, name: str, headers: Mapping[str, str]) -> web.StreamResponse | None:
        """Return None: there is no file for the kernel to send."""
        return None

    def check(self) -> None:
        """Do nothing: there are no background writes."""


class MemoryBackend:
    """Implements `port.StorageBackend`. `broadcasts` has the files by uid and name, `broken` those that were set aside."""

    def __init__(self, capacity: int = DEFAULT_CAPACITY) -> None:
        self._capacity = capacity
        self.broadcasts: dict[str, dict[str, bytearray]] = {}
        self.broken: dict[str, dict[str, bytearray]] = {}
        self.written: dict[str, float] = {}

    def create(self, uid: str) -> MemoryFiles:
        """Begin with no files."""
        if uid in self.broadcasts:
            raise StorageError("a broadcast could not be created: it exists")
        self.broadcasts[uid] = {}
        return self.open(uid)

    def open(self, uid: str) -> MemoryFiles:
        """Return the files of a broadcast."""
        return MemoryFiles(self, uid)

    def fetch(self, uid: str) -> bool:
        """Return False: all recordings are here."""
        return False

    def list(self) -> list[str]:
        """List the uids."""
        return sorted(self.broadcasts)

    def delete(self, uid: str) -> None:
        """Forget a broadcast."""
        self.open(uid).delete_all()

    def set_aside(self, uid: str) -> None:
        """Keep a broadcast in `broken`."""
        self.broken[uid] = self.broadcasts.pop(uid)

    def shortage(self) -> str:
        """Return nothing: there is no other cause."""
        return ""

    def free_space(self) -> int:
        """Return what the files leave of the capacity."""
        used = sum(len(data) for files in self.broadcasts.values() for data in files.values())
        return max(0, self._capacity - used)

    def close(self) -> None:
        """Do nothing: there are no background writes."""
