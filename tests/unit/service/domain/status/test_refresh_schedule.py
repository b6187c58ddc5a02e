"""Channels are looked at together, none later than promised, and a crowd in groups."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from service.domain.status.refresh_schedule import RefreshSchedule

BEGAN = 1_000.0


def test_channels_that_came_at_different_moments_have_the_same_turn() -> None:
    turns = RefreshSchedule(1.0, 50, BEGAN)
    assert {turns.next(channel, among=49, now=BEGAN + 7 + channel / 100) for channel in range(49)} == {BEGAN + 8}


@given(
    channel=st.integers(),
    among=st.integers(min_value=0, max_value=2_000),
    now=st.floats(min_value=BEGAN, max_value=BEGAN + 1e6),
)
def test_no_channel_waits_longer_than_promised(channel: int, among: int, now: float) -> None:
    assert -1e-6 < RefreshSchedule(1.0, 50, BEGAN).next(channel, among=among, now=now) - now < 1.0 + 1e-6


def test_many_channels_are_refreshed_in_groups_spread_over_the_interval() -> None:
    turns = RefreshSchedule(1.0, 50, BEGAN)
    dues = [turns.next(channel, among=199, now=BEGAN + 7) for channel in range(200)]
    assert sorted(dues) == [
        moment for moment in (BEGAN + 7.25, BEGAN + 7.5, BEGAN + 7.75, BEGAN + 8) for _ in range(50)
    ]
