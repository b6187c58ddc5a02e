"""Prometheus metrics of the service's parts, read when `GET /metrics` is requested."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from providers.base import MetricKind, Provider
from service.domain.webhooks.deliverer import DeliveryCounts
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


class WebhookMetrics(Collector):
    """The metrics of webhooks."""

    def __init__(self, counts: DeliveryCounts) -> None:
        self._counts = counts

    def collect(self) -> Iterable[Metric]:
        """Yield the metrics. The gauges are about all nodes, and read every few seconds."""
        name = "conference_webhook_deliveries"
        outcomes = CounterMetricFamily(name, "Attempts to deliver an event to a webhook.", labels=["status"])
        for status, number in self._counts.outcomes.items():
            outcomes.add_metric([status.value], number)
        yield outcomes
        if (figures := self._counts.figures) is not None:
            lag = "Age of the oldest event that waits for its delivery to a webhook, in seconds."
            yield GaugeMetricFamily("conference_webhook_lag_seconds", lag, figures.lag)
            states = GaugeMetricFamily("conference_webhooks", "Webhooks by state.", labels=["state"])
            working = figures.webhooks - figures.failing - figures.disabled
            for state, number in (("working", working), ("failing", figures.failing), ("disabled", figures.disabled)):
                states.add_metric([state], number)
            yield states


class PollMetrics(Collector):
    """Counts the replies of the fast path. A dictionary of numbers: prometheus_client's counter costs more than the rest of a poll
    (0.9 µs, for a lock that one thread does not need)."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._replies: dict[tuple[str, int], int] = {}
        registry.register(self)

    def note(self, reply: WireReply) -> None:
        """Count a reply."""
        kind = (reply.route, reply.status)
        self._replies[kind] = self._replies.get(kind, 0) + 1

    def collect(self) -> Iterable[Metric]:
        """Yield the counter with its values now."""
        replies = CounterMetricFamily("conference_express_replies", "Polls answered.", labels=("route", "status"))
        for (route, status), count in self._replies.items():
            replies.add_metric((route, str(status)), count)
        yield replies
