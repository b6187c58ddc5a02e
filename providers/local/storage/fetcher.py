"""Reads of evicted files from the object store: each object once at a time, a few at a time, the latest kept in memory."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass

from providers.concurrency import SingleFlight
from providers.local.storage.errors import ObjectStoreError
from providers.local.storage.objects import ObjectStore


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """Limits of reading from the object store.

    Attributes:
        requests: Objects that are fetched at a time.
        waiting: Objects that may wait for their turn; more are refused.
        wait: Seconds that a client waits for an object at most.
        memory: Bytes of fetched objects that stay in memory: viewers of one recording are often close together.
    """

    requests: int = 16
    waiting: int = 500
    wait: float = 20.0
    memory: int = 64 << 20


@dataclass(slots=True)
class FetchCounters:
    """What was read since the start."""

    objects: int = 0
    bytes: int = 0
    failures: int = 0


class Fetcher:
    """Fetches whole objects: segments are small, and players request ranges of them one after the other."""

    def __init__(self, store: ObjectStore, limits: FetchLimits) -> None:
        self._store = store
        self._limits = limits
        self._flights: SingleFlight[str, bytes] = SingleFlight()
        self._slots = asyncio.Semaphore(limits.requests)
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._kept_bytes = 0
        self._waiting = 0
        self.counters = FetchCounters()

    async def load(self, key: str) -> bytes:
        """Return an object. Raises FileNotFoundError, ObjectStoreError."""
        known = self._kept.get(key)
        if known is not None:
            self._kept.move_to_end(key)
            return known
        try:
            async with asyncio.timeout(self._limits.wait):
                return await self._flights.run(key, lambda: self._fetch(key), share=True)
        except TimeoutError:
            self.counters.failures += 1
            raise ObjectStoreError("the object store does not answer in time") from None

    async def _fetch(self, key: str) -> bytes:
        if self._waiting >= self._limits.waiting:
            raise ObjectStoreError("too many reads from the object store are waiting")
        self._waiting += 1
        try:
            async with self._slots:
                data = await self._store.get(key)
        except ObjectStoreError:
            self.counters.failures += 1
            raise
        finally:
            self._waiting -= 1
        self._count(data)
        self._keep(key, data)
        return data

    def read(self, key: str) -> bytes:
        """Return an object. Blocking: for what is read in a thread. Raises FileNotFoundError, ObjectStoreError."""
        known = self._kept.get(key)
        if known is not None:
            return known
        try:
            data = self._store.read(key)
        except ObjectStoreError:
            self.counters.failures += 1
            raise
        self._count(data)
        return data

    def forget(self, prefix: str) -> None:
        """Drop the objects below a prefix from memory."""
        for key in [each for each in self._kept if each.startswith(prefix)]:
            self._kept_bytes -= len(self._kept.pop(key))

    def _count(self, data: bytes) -> None:
        self.counters.objects += 1
        self.counters.bytes += len(data)

    def _keep(self, key: str, data: bytes) -> None:
        if len(data) > self._limits.memory // 4:
            return
        self._kept_bytes += len(data) - len(self._kept.pop(key, b""))
        self._kept[key] = data
        while self._kept_bytes > self._limits.memory:
            self._kept_bytes -= len(self._kept.popitem(last=False)[1])
