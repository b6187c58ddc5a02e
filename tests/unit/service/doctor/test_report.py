"""The whole report."""

from __future__ import annotations

import pytest

from service import doctor
from service.doctor.check_result import CheckResult, Level
from service.settings import Settings


async def test_a_broken_check_is_a_finding_and_the_report_goes_on(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    async def broken(_: Settings) -> list[CheckResult]:
        raise RuntimeError("hunter2")

    async def fine(_: Settings) -> list[CheckResult]:
        return [CheckResult(Level.OK, "second", "all well", "nothing\nat all")]

    assert await doctor.examine(settings, {"first": broken, "second": fine}) == 1
    assert capsys.readouterr().out.splitlines() == [
        "fail  first        could not be checked: RuntimeError",
        "ok    second       all well",
        "                   → nothing",
        "                   → at all",
    ]
