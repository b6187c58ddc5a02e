"""The metrics of the local provider: encoders, broadcasts, transcoders and recordings."""

from __future__ import annotations

from providers.local.ingest.limits import IngestCounters
from providers.local.storage.recordings import RecordingCatalog
from providers.metrics import MetricKind, ProviderMetric


def local_metrics(
    ingest: IngestCounters,
    broadcasts: int,
    transcodes: int,
    recordings: RecordingCatalog,
    certificate_expires: float | None = None,
) -> list[ProviderMetric]:
    """Return the metrics. `broadcasts` and `transcodes` are the numbers that run now, `certificate_expires` is in Unix seconds."""
    expiry = "conference_certificate_expiry_timestamp_seconds"
    known = [] if certificate_expires is None else [certificate_expires]
    return [
        *(_gauge(expiry, "End of the RTMPS certificate; 0 if it has expired.", each) for each in known),
        _gauge("conference_ingest_connections", "Open encoder connections.", ingest.connections),
        _gauge("conference_publishers", "Encoders that publish.", ingest.publishers),
        _gauge("conference_broadcasts", "Running broadcasts.", broadcasts),
        _gauge("conference_transcodes", "Running transcoders.", transcodes),
        _gauge("conference_recordings", "Finished recordings.", len(recordings)),
        _gauge("conference_recordings_bytes", "Bytes of the finished recordings.", recordings.size),
        _counter("conference_ingest_bytes", "Bytes received from encoders.", ingest.bytes_in),
        _counter("conference_skipped_messages", "RTMP messages that were not read.", ingest.skipped),
        ProviderMetric(
            "conference_refused_publishes", "Refused encoders.", MetricKind.COUNTER, dict(ingest.refused), "reason"
        ),
    ]


def _gauge(name: str, text: str, value: float) -> ProviderMetric:
    return ProviderMetric(name, text, MetricKind.GAUGE, {"": value})


def _counter(name: str, text: str, value: int) -> ProviderMetric:
    return ProviderMetric(name, text, MetricKind.COUNTER, {"": value})
