"""What the doctor says. A finding is ok, warn (it will run, but …) or fail (it will not run, or not do its work)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

ANSWER_TIMEOUT = 5.0
"""Seconds Redis, our own HTTP or the provider have to answer."""


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report: what was looked at, what was seen, and what to do (empty: nothing)."""

    level: Level
    subject: str
    seen: str
    advice: str = ""

    def __str__(self) -> str:
        lines = [f"{self.level:<5} {self.subject:<12} {self.seen}"]
        return "\n".join([*lines, *(f"{'':<18} → {line}" for line in self.advice.splitlines())])
