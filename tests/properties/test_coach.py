"""The coach takes whatever facts there are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from providers.health import InputHealth
from service.domain.coach import findings


@given(st.from_type(InputHealth))
def test_no_facts_make_the_coach_raise(health: InputHealth) -> None:
    found = findings(health)
    assert len({each.code for each in found}) == len(found)
    assert all(each.message and each.advice for each in found)
