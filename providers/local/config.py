"""The configuration of the local provider."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path

from providers.local.ingest.limits import IngestLimits
from providers.local.media_store import MediaStoreConfig
from providers.local.packager.cutting import PART_TARGET_LOW_LATENCY
from providers.local.storage.storage import StorageLimits
from providers.local.transcoder.renditions import Rendition


@dataclass(frozen=True, slots=True)
class LocalConfig:
    """Where and how. `rtmp_port` None switches the plain port off; ports of 0 are any free ones.

    `public_url` is the origin players fetch from, without a trailing slash; `public_rtmp_host` the host name for encoders.
    """

    directory: Path
    public_url: str
    public_rtmp_host: str
    rtmp_host: str
    rtmp_port: int | None
    rtmps_port: int
    tls: ssl.SSLContext
    renditions: tuple[Rendition, ...]
    max_transcodes: int
    certificate: Path | None = None
    """The PEM file of `tls`, for the metric of its expiry."""
    low_latency_part_seconds: float = PART_TARGET_LOW_LATENCY
    reads_enhanced_rtmp: bool = False
    ingest_limits: IngestLimits = field(default_factory=IngestLimits)
    media_store: MediaStoreConfig | None = None
    storage_limits: StorageLimits = field(default_factory=StorageLimits)
