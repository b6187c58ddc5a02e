"""The metrics and the events of the provider."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from providers.base import ON_AIR, Provider, ProviderEvent
from providers.metrics import MetricKind

_FAMILIES: dict[MetricKind, type[GaugeMetricFamily] | type[CounterMetricFamily]] = {
    MetricKind.GAUGE: GaugeMetricFamily,
    MetricKind.COUNTER: CounterMetricFamily,
}


class ProviderMetrics(Collector):
    """The provider's metrics, its events by kind, and its inputs on air by state."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._events: Counter[str] = Counter()
        provider.listen(self._note)

    def _note(self, event: ProviderEvent) -> None:
        if not event.elsewhere:
            self._events[event.kind.value] += 1

    def collect(self) -> Iterable[Metric]:
        """Yield the metrics with their values now."""
        for metric in self._provider.metrics():
            family = _FAMILIES[metric.kind](metric.name, metric.help, labels=[metric.label] if metric.label else [])
            for label, value in metric.samples.items():
                family.add_metric([label] if metric.label else [], value)
            yield family
        events = CounterMetricFamily(
            "conference_provider_events", "Events of live inputs: encoders, broadcasts, recordings.", labels=["kind"]
        )
        for kind, count in self._events.items():
            events.add_metric([kind], count)
        yield events
        if (on_air := self._provider.on_air()) is not None:
            phases = Counter(phase for uid, phase in on_air.items() if not self._provider.is_elsewhere(uid))
            inputs = GaugeMetricFamily("conference_inputs_on_air", "Live inputs on air.", labels=["state"])
            for phase in sorted(ON_AIR):
                inputs.add_metric([phase.value], phases[phase])
            yield inputs
