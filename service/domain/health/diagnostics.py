"""Encoder diagnostics: problems of the incoming stream in plain sentences, and the OBS setting that fixes each.

Pure, and never raises.
"""

from __future__ import annotations

from dataclasses import dataclass

from providers.health import InputHealth
from service.domain.health.measurements import Measurements
from service.domain.health.rules import RULES
from service.domain.health.thresholds import Severity

WORST_FIRST = (Severity.ERROR, Severity.WARNING, Severity.INFO)


@dataclass(frozen=True, slots=True)
class HealthFinding:
    """A problem of the stream. `code` is for programs, `message` and `advice` are for the streamer."""

    code: str
    severity: Severity
    message: str
    advice: str


def findings(health: InputHealth) -> list[HealthFinding]:
    """Return the problems of the stream, worst first. Unknown values cause none."""
    measured = Measurements(health)
    found = [
        HealthFinding(rule.code, rule.severity, rule.sentence.format(v=measured), rule.advice.format(v=measured))
        for rule in RULES
        if rule.applies(measured) and (health.passthrough or not rule.of_passthrough)
    ]
    return sorted(found, key=lambda each: WORST_FIRST.index(each.severity))
