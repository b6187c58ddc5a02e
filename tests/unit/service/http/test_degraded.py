"""Headers of answers that are not current."""

from __future__ import annotations

from datetime import timedelta

import pytest

from service.http.degraded import degraded
from tests.clock import START


@pytest.mark.parametrize(("seconds", "age"), [(42.9, "42"), (0, "0"), pytest.param(-5, "0", id="clock set back")])
def test_the_age_is_in_whole_seconds(seconds: float, age: str) -> None:
    assert degraded(START, START + timedelta(seconds=seconds)) == {"X-Degraded": "true", "Age": age}


def test_a_current_answer_has_no_such_headers() -> None:
    assert degraded(None, START) == {}
