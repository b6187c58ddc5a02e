"""Metrics of the real-time API."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from prometheus_client import Counter, Histogram
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from service.clock import Clock

BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0)
"""Seconds."""


class RealtimeMetrics(Collector):
    """Open sockets and subscriptions, messages, and how long after the commit changes are sent."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.open: Callable[[], tuple[int, int]] = lambda: (0, 0)
        """Returns the open sockets and their subscriptions."""
        self._changes = Counter("conference_socket_changes", "Change messages sent.", registry=None)
        self._cut_off = Counter(
            "conference_sockets_cut_off", "Sockets closed because the client did not read.", registry=None
        )
        self._refusals = Counter(
            "conference_socket_refusals", "Requests of sockets that failed.", ("status",), registry=None
        )
        self._delay = Histogram(
            "conference_socket_delay_seconds", "Time from a commit to its messages.", buckets=BUCKETS, registry=None
        )

    def delivered(self, messages: int, created_at: datetime) -> None:
        """Count the messages of an event."""
        self._changes.inc(messages)
        self._delay.observe(max(0.0, (self._clock.now() - created_at).total_seconds()))

    def replayed(self) -> None:
        """Count the message of an event that was missed."""
        self._changes.inc()

    def cut_off(self) -> None:
        """Count a client that did not read."""
        self._cut_off.inc()

    def refused(self, status: int) -> None:
        """Count a request that failed."""
        self._refusals.labels(str(status)).inc()

    def collect(self) -> Iterable[Metric]:
        """Yield the metrics with their values now."""
        sockets, subscriptions = self.open()
        yield GaugeMetricFamily("conference_sockets", "Open sockets.", value=sockets)
        yield GaugeMetricFamily(
            "conference_socket_subscriptions", "Subscriptions of open sockets.", value=subscriptions
        )
        for metric in (self._changes, self._cut_off, self._refusals, self._delay):
            yield from metric.collect()
