"""Figures of the service's parts for Prometheus, read when asked for (`GET /metrics`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from providers.local.provider import LocalProvider
from service.http.wire import WireReply


class IngestFigures(Collector):
    """Encoders, broadcasts and transcoders of the local provider."""

    def __init__(self, provider: LocalProvider) -> None:
        self._provider = provider

    def collect(self) -> Iterable[Metric]:
        """What the provider counts, now."""
        counters = self._provider.ingest_counters
        yield GaugeMetricFamily("conference_ingest_connections", "Encoders' connections.", counters.connections)
        yield GaugeMetricFamily("conference_publishers", "Encoders that publish.", counters.publishers)
        yield GaugeMetricFamily("conference_broadcasts", "BroadcastRegistry that run.", self._provider.broadcasting)
        yield GaugeMetricFamily("conference_transcodes", "Transcoders that hold a slot.", self._provider.transcodes)
        yield CounterMetricFamily("conference_ingest_bytes", "Bytes taken from encoders.", counters.bytes_in)
        yield CounterMetricFamily("conference_skipped_messages", "RTMP messages not read.", counters.skipped)
        refused = CounterMetricFamily("conference_refused_publishes", "Encoders turned away.", labels=["reason"])
        for reason, count in counters.refused.items():
            refused.add_metric([reason], count)
        yield refused


def polls(registry: CollectorRegistry) -> Callable[[WireReply], None]:
    """Counts what the express lane answers."""
    counter = Counter("conference_express_replies", "Polls answered.", ("route", "status"), registry=registry)

    @cache  # looking a child up costs more than counting with it
    def child(route: str, status: int) -> Counter:
        return counter.labels(route, str(status))

    def note(reply: WireReply) -> None:
        child(reply.route, reply.status).inc()

    return note
