"""The webhooks of inboxes."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.metrics_core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from service.domain.inboxes.delivery import AttemptCounts


class InboxMetrics(Collector):
    """What this process has sent to the webhooks of inboxes."""

    def __init__(self, counts: AttemptCounts) -> None:
        self._counts = counts

    def collect(self) -> Iterable[Metric]:
        """Yield the metrics."""
        what = "Attempts to deliver an event to the webhook of an inbox."
        attempts = CounterMetricFamily("conference_inbox_deliveries", what, labels=["status"])
        attempts.add_metric(["successful"], self._counts.successful)
        attempts.add_metric(["failed"], self._counts.failed)
        yield attempts
        lost = "Events that were not delivered to the webhook of an inbox: the last attempt failed or was interrupted."
        yield CounterMetricFamily("conference_inbox_deliveries_given_up", lost, self._counts.given_up)
