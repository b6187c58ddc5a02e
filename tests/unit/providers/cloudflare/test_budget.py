"""The request budget keeps under Cloudflare's limit and leaves people their share."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from providers.cloudflare.budget import BUDGET, BURST, RESERVE, WINDOW, Budget


class Monotonic:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_goes_and_then_a_wait_is_told() -> None:
    budget = Budget(Monotonic())
    assert [budget.take() for _ in range(BURST)] == [0.0] * BURST
    assert budget.take() > 0


def test_after_the_told_wait_one_more_goes() -> None:
    clock = Monotonic()
    budget = Budget(clock, burst=1)
    budget.take()
    clock.now += budget.take() + 1e-6
    assert budget.take() == 0


def test_polling_leaves_a_reserve_for_people() -> None:
    budget = Budget(Monotonic())
    polled = 0
    while budget.take(polling=True) == 0:
        polled += 1
    assert polled == BURST - RESERVE
    assert budget.take() == 0


def test_a_429_stops_everything_for_as_long_as_it_says() -> None:
    clock = Monotonic()
    budget = Budget(clock)
    budget.block(7)
    assert budget.take() == 7
    clock.now += 7
    assert budget.take() == 0


@given(st.lists(st.floats(min_value=0, max_value=20), max_size=80))
def test_no_window_ever_sees_more_than_the_budget(pauses: list[float]) -> None:
    clock, sent = Monotonic(), []
    budget = Budget(clock)
    for pause in pauses:
        clock.now += pause
        while budget.take() == 0:
            sent.append(clock.now)
    for start in set(sent):
        assert sum(start <= at < start + WINDOW for at in sent) <= BUDGET
