"""Where the media of this process is kept: on the local disk, and in an object store if one is configured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from providers.base import Spawn
from providers.local.storage.disk import DiskBackend
from providers.local.storage.port import StorageBackend
from providers.metrics import MetricKind, ProviderMetric

if TYPE_CHECKING:
    from providers.local.storage.tiered import TieredBackend


@dataclass(frozen=True, slots=True)
class MediaStoreConfig:
    """The object store.

    Attributes:
        address: `s3://bucket/prefix`, `gs://…`, `az://…` or the absolute path of a folder.
        cache_bytes: Bytes of uploaded segments that stay on the local disk.
        public_url: Where players reach the objects themselves, without a trailing slash; None if they do not.
    """

    address: str
    cache_bytes: int
    public_url: str | None = None


class MediaStore:
    """The backend of the storage, and what happens to it in the background. Without an object store nothing does."""

    def __init__(self, directory: Path, config: MediaStoreConfig | None, monotonic: Callable[[], float]) -> None:
        """Prepare; nothing is uploaded before `start`. Raises ObjectStoreError if the object store cannot be used."""
        disk = DiskBackend(directory)
        self.backend: StorageBackend = disk
        self._tiered: TieredBackend | None = None
        if config is not None:
            self.backend = self._tiered = _tiered(disk, config, monotonic)

    async def start(self, spawn: Spawn) -> None:
        """Begin to upload. Call it before broadcasts are recovered."""
        if self._tiered is not None:
            await self._tiered.start(spawn)

    def recovered(self, spawn: Spawn) -> None:
        """Find what was not uploaded, and evict from now on."""
        if self._tiered is not None:
            self._tiered.scan(spawn)

    async def aclose(self) -> None:
        """Upload what is queued if that is a matter of seconds, then stop."""
        if self._tiered is not None:
            await self._tiered.aclose()

    def metrics(self) -> list[ProviderMetric]:
        """Return what is counted of the object store; nothing without one."""
        if (tiered := self._tiered) is None:
            return []
        uploads, fetches = tiered.uploader.counters, tiered.fetcher.counters
        return [
            _gauge("conference_media_upload_queue", "Objects that wait for their upload.", tiered.uploader.waiting),
            _gauge("conference_media_upload_lag_seconds", "Age of the oldest waiting upload.", tiered.uploader.lag),
            _gauge("conference_media_cache_bytes", "Bytes of local copies of stored segments.", tiered.copies.bytes),
            _counter("conference_media_uploads", "Objects written to the object store.", uploads.objects),
            _counter("conference_media_upload_bytes", "Bytes written to the object store.", uploads.bytes),
            _counter(
                "conference_media_upload_failures", "Failed writes and deletions, each retried.", uploads.failures
            ),
            _counter("conference_media_evicted_bytes", "Bytes of evicted local copies.", tiered.copies.evicted),
            _counter("conference_media_fetches", "Objects read from the object store.", fetches.objects),
            _counter("conference_media_fetch_bytes", "Bytes read from the object store.", fetches.bytes),
            _counter("conference_media_fetch_failures", "Failed reads from the object store.", fetches.failures),
        ]


def _tiered(disk: DiskBackend, config: MediaStoreConfig, monotonic: Callable[[], float]) -> TieredBackend:
    # Here, because most services have no object store, and start faster without these modules.
    from providers.local.storage.local_copies import CacheLimits
    from providers.local.storage.objects import ObjectStore
    from providers.local.storage.tiered import TieredBackend, TieredLimits

    limits = TieredLimits(copies=CacheLimits(size=config.cache_bytes))
    return TieredBackend(disk, ObjectStore(config.address), limits, public_url=config.public_url, monotonic=monotonic)


def _gauge(name: str, text: str, value: float) -> ProviderMetric:
    return ProviderMetric(name, text, MetricKind.GAUGE, {"": value})


def _counter(name: str, text: str, value: int) -> ProviderMetric:
    return ProviderMetric(name, text, MetricKind.COUNTER, {"": value})
