"""The process: its resources, its version, its event loop, its disk, and the parts that it needs."""

from __future__ import annotations

import asyncio
import platform
import shutil
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path

from prometheus_client import CollectorRegistry, ProcessCollector, disable_created_metrics
from prometheus_client.metrics_core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

LAG_INTERVAL = 0.5
"""Seconds between two measurements of the event loop's lag."""

Checks = Callable[[], Awaitable[Mapping[str, str]]]
"""Returns "ok" or an error for each part (`service.api.health.Readiness`)."""


def new_registry() -> CollectorRegistry:
    """Return a registry with the metrics of the process (process_cpu_seconds_total, process_resident_memory_bytes, …).

    Without the `_created` series, which double the number of series and which no rule uses.
    """
    disable_created_metrics()  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    return registry


class RuntimeMetrics(Collector):
    """Build, readiness by part, free disk space and the event loop's lag."""

    def __init__(self, version: str, provider: str, directory: Path, checks: Checks) -> None:
        """Create it. `directory` is the one whose file system may fill up."""
        self._build = {"version": version, "provider": provider, "python": platform.python_version()}
        self._directory = directory
        self._checks = checks
        self._parts: Mapping[str, str] = {}
        self._lag = 0.0

    async def refresh(self) -> None:
        """Check the parts. Called before the metrics are collected."""
        self._parts = await self._checks()

    async def measure_lag(self) -> None:
        """Measure the event loop's lag until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + LAG_INTERVAL
            await asyncio.sleep(LAG_INTERVAL)
            self._lag = max(self._lag, loop.time() - due)

    def collect(self) -> Iterable[Metric]:
        """Yield the metrics with their values now."""
        yield InfoMetricFamily("conference_build", "The version that runs.", value=self._build)
        ready = GaugeMetricFamily("conference_ready", "1 while a part of the service answers, else 0.", labels=["part"])
        for part, outcome in self._parts.items():
            ready.add_metric([part], outcome == "ok")
        yield ready
        lag, self._lag = self._lag, 0.0
        yield GaugeMetricFamily(
            "conference_event_loop_lag_seconds", "Largest delay of the event loop since the last scrape.", value=lag
        )
        yield from self._disk()

    def _disk(self) -> Iterable[Metric]:
        try:
            usage = shutil.disk_usage(self._directory)
        except OSError:
            return  # an absent series is what alert rules can see
        yield GaugeMetricFamily("conference_disk_free_bytes", "Free space of the data directory.", value=usage.free)
        yield GaugeMetricFamily("conference_disk_size_bytes", "Size of the data directory's disk.", value=usage.total)
