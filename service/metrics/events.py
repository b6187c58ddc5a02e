"""The log of events."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.metrics_core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from service.domain.events.retention import EventRetention
from service.store import Store


class EventMetrics(Collector):
    """The events that this process has written and deleted."""

    def __init__(self, store: Store, retention: EventRetention) -> None:
        self._store = store
        self._retention = retention

    def collect(self) -> Iterable[Metric]:
        """Yield the metrics."""
        written = "Events written to the log."
        yield CounterMetricFamily("conference_events_written", written, self._store.events_written)
        deleted = "Events deleted from the log because of their age."
        yield CounterMetricFamily("conference_events_deleted", deleted, self._retention.deleted)
