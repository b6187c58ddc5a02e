"""The request budget: under Cloudflare's limit, the important first, and a share for every organization."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.cloudflare.budget import BUDGET, BURST, FLOORS, RATE, WINDOW, Budget, Priority
from tests.clock import Clock

BUSY, QUIET = "busy organization", "quiet organization"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def budget(clock: Clock) -> Budget:
    return Budget(clock.monotonic)


def exhaust(budget: Budget, priority: Priority, tenant: str | None = None) -> int:
    """Take as many as there are; how many there were."""
    taken = 0
    while budget.acquire(priority, tenant) is None:
        taken += 1
    return taken


def test_a_burst_is_allowed_and_then_a_wait_is_returned(budget: Budget) -> None:
    assert exhaust(budget, Priority.WRITE) == BURST
    refusal = budget.acquire()
    assert refusal is not None and 0 < refusal.wait <= 1 / RATE


def test_after_the_wait_one_more_goes(budget: Budget, clock: Clock) -> None:
    exhaust(budget, Priority.WRITE)
    refusal = budget.acquire()
    assert refusal is not None
    clock.advance(refusal.wait + 1e-6)
    assert budget.acquire() is None


def test_a_retry_after_the_given_wait_finds_more_than_one_token(budget: Budget, clock: Clock) -> None:
    exhaust(budget, Priority.WRITE)
    refusal = budget.acquire()
    assert refusal is not None
    clock.advance(refusal.retry_after)
    assert exhaust(budget, Priority.WRITE) >= 5


@pytest.mark.parametrize(
    ("less", "more"),
    [(Priority.READ, Priority.WRITE), (Priority.POLL, Priority.READ), (Priority.RENEW, Priority.POLL)],
)
@pytest.mark.parametrize("tenant", [BUSY, None])
def test_what_is_less_important_leaves_tokens_for_what_is_more(
    budget: Budget, less: Priority, more: Priority, tenant: str | None
) -> None:
    exhaust(budget, less, tenant)
    assert exhaust(budget, more, tenant) >= 5


@pytest.mark.parametrize("priority", [Priority.WRITE, Priority.READ])
def test_an_organization_that_uses_all_its_requests_leaves_the_polls_their_share(
    budget: Budget, clock: Clock, priority: Priority
) -> None:
    polls = 0
    for _ in range(3000):
        budget.acquire(priority, BUSY)
        polls += budget.acquire(Priority.POLL) is None
        clock.advance(0.1)
    assert polls >= 300 * RATE / 3


@pytest.mark.parametrize("priority", Priority)
@pytest.mark.parametrize("seconds", [0, 60, 3600])
def test_an_organization_that_uses_all_its_requests_leaves_fifteen_creates_to_another(
    budget: Budget, clock: Clock, priority: Priority, seconds: int
) -> None:
    for _ in range(seconds * 10):
        budget.acquire(priority, BUSY)
        clock.advance(0.1)
    exhaust(budget, priority, BUSY)
    requests = 0
    while budget.acquire(Priority.WRITE, QUIET) is None:
        budget.acquire(priority, BUSY)
        requests += 1
    assert requests >= 2 * 15  # a create looks for the input first, then makes it


def test_an_organization_over_its_share_gets_the_reason(budget: Budget) -> None:
    exhaust(budget, Priority.READ, BUSY)
    refusal = budget.acquire(Priority.READ, BUSY)
    assert refusal is not None and refusal.above_share
    assert budget.acquire(Priority.READ, QUIET) is None


def test_the_reads_of_an_organization_leave_its_own_creates_some(budget: Budget) -> None:
    exhaust(budget, Priority.READ, BUSY)
    assert exhaust(budget, Priority.WRITE, BUSY) >= 10


def test_an_organization_alone_gets_the_whole_rate(budget: Budget, clock: Clock) -> None:
    exhaust(budget, Priority.READ, BUSY)
    clock.advance(60)
    assert exhaust(budget, Priority.READ, BUSY) == pytest.approx(min(60 * RATE, BURST - 95), abs=2)


def test_use_is_forgotten(budget: Budget, clock: Clock) -> None:
    exhaust(budget, Priority.READ, BUSY)
    clock.advance(600)
    assert exhaust(budget, Priority.READ, QUIET) > 0
    refusal = budget.acquire(Priority.READ, QUIET)
    assert refusal is not None and refusal.above_share
    assert budget.acquire(Priority.READ, BUSY) is None


def test_a_429_stops_everything_for_as_long_as_it_says(budget: Budget, clock: Clock) -> None:
    budget.block(7)
    refusal = budget.acquire()
    assert refusal is not None and refusal.blocked and refusal.wait == 7
    clock.advance(7)
    assert budget.acquire() is None


def test_what_other_processes_have_used_counts(budget: Budget, clock: Clock) -> None:
    budget.observe(remaining=100, seconds=60)
    assert exhaust(budget, Priority.READ) == 100 - FLOORS[Priority.READ]
    clock.advance(30)  # nothing comes back before Cloudflare's window ends
    refusal = budget.acquire(Priority.READ)
    assert refusal is not None and refusal.wait == pytest.approx(30)
    assert exhaust(budget, Priority.WRITE) == FLOORS[Priority.READ]
    clock.advance(31)
    assert budget.acquire(Priority.READ) is None


@given(st.lists(st.floats(min_value=0, max_value=20), max_size=80))
def test_no_window_ever_sees_more_than_the_budget(pauses: list[float]) -> None:
    clock, sent = Clock(), []
    budget = Budget(clock.monotonic)
    for pause in pauses:
        clock.advance(pause)
        while budget.acquire() is None:
            sent.append(clock.monotonic())
    for start in set(sent):
        assert sum(start <= at < start + WINDOW for at in sent) <= BUDGET
