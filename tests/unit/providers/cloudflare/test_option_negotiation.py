"""What is asked for instead of what Cloudflare declines."""

from __future__ import annotations

import pytest

from providers.base import InputOptions, LatencyMode, OptionRefused
from providers.cloudflare.option_negotiation import RequestedOptions, timeouts_instead

TOO_LONG = OptionRefused("reconnect_timeout", "declined")
NOT_LOW = OptionRefused("latency_mode", "declined")


@pytest.mark.parametrize(
    ("wished", "instead"),
    [(30, [60, 180, 10, 0]), (5, [10, 60, 180, 0]), (60, [180, 10, 0]), (1800, [180, 60, 10, 0])],
)
def test_the_nearest_longer_timeout_comes_first_and_cloudflares_own_last(wished: int, instead: list[int]) -> None:
    assert list(timeouts_instead(wished)) == instead


def test_low_latency_that_is_declined_becomes_standard() -> None:
    requested = RequestedOptions(InputOptions(latency_mode=LatencyMode.LOW), frozenset())
    requested.give_way(NOT_LOW)
    assert requested.options == InputOptions()


@pytest.mark.parametrize("declined", [TOO_LONG, NOT_LOW], ids=lambda each: each.option)
def test_what_was_insisted_on_does_not_give_way(declined: OptionRefused) -> None:
    requested = RequestedOptions(InputOptions(latency_mode=LatencyMode.LOW), frozenset({declined.option}))
    with pytest.raises(OptionRefused):
        requested.give_way(declined)
    assert requested.options == InputOptions(latency_mode=LatencyMode.LOW)


@pytest.mark.parametrize("declined", [TOO_LONG, NOT_LOW], ids=lambda each: each.option)
def test_where_everything_is_declined_it_ends_in_a_refusal(declined: OptionRefused) -> None:
    requested = RequestedOptions(InputOptions(latency_mode=LatencyMode.LOW), frozenset())
    with pytest.raises(OptionRefused):
        for _ in range(10):
            requested.give_way(declined)
