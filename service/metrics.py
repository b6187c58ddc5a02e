"""Prometheus metrics of the service's parts, read when `GET /metrics` is requested."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from providers.base import MetricKind, Provider
from service.http.wire import WireReply

_FAMILIES: dict[MetricKind, type[GaugeMetricFamily] | type[CounterMetricFamily]] = {
    MetricKind.GAUGE: GaugeMetricFamily,
    MetricKind.COUNTER: CounterMetricFamily,
}


class ProviderMetrics(Collector):
    """The provider's metrics."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    def collect(self) -> Iterable[Metric]:
        """Yield the metrics with their values now."""
        for metric in self._provider.metrics():
            family = _FAMILIES[metric.kind](metric.name, metric.help, labels=[metric.label] if metric.label else [])
            for label, value in metric.samples.items():
                family.add_metric([label] if metric.label else [], value)
            yield family


def polls(registry: CollectorRegistry) -> Callable[[WireReply], None]:
    """Return a function that counts a reply of the fast path."""
    counter = Counter("conference_express_replies", "Polls answered.", ("route", "status"), registry=registry)

    @cache  # a label lookup costs more than the increment
    def child(route: str, status: int) -> Counter:
        return counter.labels(route, str(status))

    def note(reply: WireReply) -> None:
        child(reply.route, reply.status).inc()

    return note
