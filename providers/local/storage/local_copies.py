"""Local copies of segments that the object store has: kept as a cache of bounded size, evicted oldest first."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from providers.local.storage.port import BroadcastFiles, StorageBackend

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class CacheLimits:
    """Limits of the local copies.

    Attributes:
        size: Bytes of confirmed segments that stay on the local disk.
        min_free: Free bytes of the disk below which confirmed segments are evicted, however few they are.
        min_age: Seconds after its confirmation that a copy stays. By then the kernel has written the journal's line back
            (30 s), so that a power failure cannot lose both the copy and the knowledge of its object.
        batch: Files that are removed in one go: a removal takes some 30 µs of the event loop.
    """

    size: int = 20 << 30
    min_free: int = 1 << 30
    min_age: float = 60.0
    batch: int = 200


@dataclass(frozen=True, slots=True)
class _Copy:
    files: BroadcastFiles
    size: int
    since: float


class LocalCopies:
    """The confirmed segments with a local copy, oldest first.

    Attributes:
        bytes: Bytes of all of them.
        evicted: Bytes that were evicted since the start.
    """

    def __init__(
        self, backend: StorageBackend, limits: CacheLimits, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._backend = backend
        self._limits = limits
        self._monotonic = monotonic
        self._copies: OrderedDict[tuple[str, str], _Copy] = OrderedDict()
        self.bytes = 0
        self.evicted = 0

    def add(self, uid: str, name: str, files: BroadcastFiles, size: int) -> None:
        """Note that the object of a file is stored. Only segments are ever evicted: the rest is small and needed first."""
        if not name.endswith(".m4s"):
            return
        self.discard(uid, name)
        self._copies[uid, name] = _Copy(files, size, self._monotonic())
        self.bytes += size

    def discard(self, uid: str, name: str) -> None:
        """Note that a local file is gone."""
        copy = self._copies.pop((uid, name), None)
        if copy is not None:
            self.bytes -= copy.size

    def evict(self) -> int:
        """Remove copies until the limits hold, at most a batch. Return how many were removed. Raises OSError."""
        missing = self._limits.min_free - self._backend.free_space()
        removed, latest = 0, self._monotonic() - self._limits.min_age
        while self._copies and removed < self._limits.batch:
            (uid, name), copy = next(iter(self._copies.items()))
            if copy.since > latest or (self.bytes <= self._limits.size and missing <= 0):
                break
            copy.files.delete(name)
            self.discard(uid, name)
            self.evicted += copy.size
            missing -= copy.size
            removed += 1
        return removed
