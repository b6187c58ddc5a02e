"""The deliveries of webhooks."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from service.domain.webhooks.deliverer import DeliveryCounts


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
        if (statistics := self._counts.statistics) is not None:
            lag = "Seconds for which the longest waiting webhook has been due without a deliverer."
            yield GaugeMetricFamily("conference_webhook_lag_seconds", lag, statistics.lag)
            states = GaugeMetricFamily("conference_webhooks", "Webhooks by state.", labels=["state"])
            working = statistics.webhooks - statistics.failing - statistics.disabled
            for state, number in (
                ("working", working),
                ("failing", statistics.failing),
                ("disabled", statistics.disabled),
            ):
                states.add_metric([state], number)
            yield states
