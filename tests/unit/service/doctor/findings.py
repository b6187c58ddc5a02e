"""Settings changed, and a single finding taken apart."""

from __future__ import annotations

from typing import Any

from service.doctor.finding import Finding, Level
from service.settings import Settings


def but(settings: Settings, **changes: Any) -> Settings:
    return settings.model_copy(update=changes)


def told(findings: list[Finding]) -> tuple[Level, str]:
    (finding,) = findings
    return finding.level, f"{finding.seen} | {finding.advice}"
