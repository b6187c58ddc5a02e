"""Changed settings, and the parts of a single result."""

from __future__ import annotations

from typing import Any

from service.doctor.check_result import CheckResult, Level
from service.settings import Settings


def changed(settings: Settings, **changes: Any) -> Settings:
    return settings.model_copy(update=changes)


def result_of(findings: list[CheckResult]) -> tuple[Level, str]:
    (finding,) = findings
    return finding.level, f"{finding.seen} | {finding.advice}"
