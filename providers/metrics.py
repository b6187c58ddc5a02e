"""Metrics of a provider, in the form in which the service exposes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class MetricKind(StrEnum):
    """How the value of a metric moves."""

    GAUGE = "gauge"
    COUNTER = "counter"


@dataclass(frozen=True, slots=True)
class ProviderMetric:
    """A metric of the provider, as Prometheus exposes it. `samples` maps the value of `label` to the metric's value.

    A metric without a label has one sample, under "".
    """

    name: str
    help: str
    kind: MetricKind
    samples: Mapping[str, float]
    label: str = ""
