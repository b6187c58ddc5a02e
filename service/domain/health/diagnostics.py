"""The encoder coach: from facts about what comes in to sentences a streamer understands, and where in OBS to mend it.

Pure, and never raises, whatever the facts are.
"""

from __future__ import annotations

from dataclasses import dataclass

from providers.health import InputHealth
from service.domain.health.rules import RULES, Severity
from service.domain.health.view import View

WORST_FIRST = (Severity.ERROR, Severity.WARNING, Severity.INFO)


@dataclass(frozen=True, slots=True)
class HealthFinding:
    """Something about the stream that could be better. `code` is for programs, `message` and `advice` for the streamer."""

    code: str
    severity: Severity
    message: str
    advice: str


def findings(health: InputHealth) -> list[HealthFinding]:
    """What is to be said about this stream, the worst first; nothing about what is not known."""
    view = View(health)
    found = [
        HealthFinding(rule.code, rule.severity, rule.sentence.format(v=view), rule.advice.format(v=view))
        for rule in RULES
        if rule.applies(view) and (health.passthrough or not rule.of_passthrough)
    ]
    return sorted(found, key=lambda each: WORST_FIRST.index(each.severity))
