"""Results of the doctor's checks: ok, warn (the service runs, with limits) or fail (it does not start or does not work)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

ANSWER_TIMEOUT = 5.0
"""Seconds Redis, our own HTTP or the provider have to answer."""


class Level(StrEnum):
    """Severity of a result."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One line of the report: what was checked, the result, and what to do (empty: nothing)."""

    level: Level
    subject: str
    seen: str
    advice: str = ""

    def __str__(self) -> str:
        lines = [f"{self.level:<5} {self.subject:<12} {self.seen}"]
        return "\n".join([*lines, *(f"{'':<18} → {line}" for line in self.advice.splitlines())])
