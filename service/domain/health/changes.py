"""The problems of incoming streams that are recorded in the log of events, as they begin and end."""

from __future__ import annotations

from dataclasses import dataclass

from service.domain.events.event import Change
from service.domain.health.diagnostics import HealthFinding
from service.domain.streams.place import Place


@dataclass(frozen=True, slots=True)
class FindingBegan(Change):
    place: Place
    finding: HealthFinding


@dataclass(frozen=True, slots=True)
class FindingEnded(Change):
    place: Place
    code: str


HealthChange = FindingBegan | FindingEnded
