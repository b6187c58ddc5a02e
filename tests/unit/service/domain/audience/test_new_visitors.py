"""A crowd of made-up ids from one address is stopped; other visitors are not."""

from __future__ import annotations

import pytest

from service.domain.audience.new_visitors import NewVisitorLimits, NewVisitors
from service.viewers.port import WINDOW_MS

LIMITS = NewVisitorLimits(burst=3, per_second=2)


def crowd(newcomers: NewVisitors, size: int, address: str = "192.0.2.1", now_ms: int = 0) -> list[float]:
    return [newcomers.admit("stream", f"{address} {now_ms} {number}", address, now_ms) for number in range(size)]


def test_an_address_may_bring_a_burst_of_newcomers_and_no_more() -> None:
    assert crowd(NewVisitors(LIMITS), 5) == [0.0, 0.0, 0.0, 0.5, 0.5]


def test_room_comes_back_with_time() -> None:
    newcomers = NewVisitors(LIMITS)
    crowd(newcomers, 4)
    assert crowd(newcomers, 2, now_ms=500) == [0.0, 0.5]


def test_addresses_do_not_share() -> None:
    newcomers = NewVisitors(LIMITS)
    crowd(newcomers, 4)
    assert crowd(newcomers, 1, "192.0.2.2") == [0.0]


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        ("2001:db8:1:1::1", "2001:db8:1:1:ffff::2", True),
        ("2001:db8:1:1::1", "2001:db8:1:2::1", True),
        ("2001:db8:1:1::1", "2001:db8:2:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("fe80::1%eth0", "fe80::2", True),
    ],
)
def test_an_ipv6_site_has_one_bucket(one: str, other: str, shared: bool) -> None:
    newcomers = NewVisitors(LIMITS)
    crowd(newcomers, 3, one)
    assert (crowd(newcomers, 1, other) != [0.0]) is shared


def test_who_was_let_in_is_known_for_at_least_a_window() -> None:
    newcomers = NewVisitors(LIMITS)
    newcomers.knows("stream", "ann", 0)
    newcomers.admit("stream", "ann", "192.0.2.1", 0)
    assert newcomers.knows("stream", "ann", WINDOW_MS)


def test_who_keeps_coming_stays_known() -> None:
    newcomers = NewVisitors(LIMITS)
    newcomers.admit("stream", "ann", "192.0.2.1", 0)
    assert all(newcomers.knows("stream", "ann", at) for at in range(0, 10 * WINDOW_MS, WINDOW_MS // 2))


def test_who_stayed_away_is_new_again() -> None:
    newcomers = NewVisitors(LIMITS)
    newcomers.admit("stream", "ann", "192.0.2.1", 0)
    assert not newcomers.knows("stream", "ann", 3 * WINDOW_MS)


def test_who_was_refused_is_not_known() -> None:
    newcomers = NewVisitors(LIMITS)
    crowd(newcomers, 3)
    newcomers.admit("stream", "ann", "192.0.2.1", 0)
    assert not newcomers.knows("stream", "ann", 0)


def test_a_visitor_of_one_stream_is_new_to_another() -> None:
    newcomers = NewVisitors(LIMITS)
    newcomers.admit("stream", "ann", "192.0.2.1", 0)
    assert not newcomers.knows("other", "ann", 0)


def test_what_is_known_is_bounded() -> None:
    newcomers = NewVisitors(NewVisitorLimits(burst=100, max_known=10))
    for number in range(100):
        newcomers.knows("stream", str(number), 1)
        newcomers.admit("stream", str(number), "192.0.2.1", 1)
    assert sum(newcomers.knows("stream", str(number), 1) for number in range(100)) <= 20


def test_the_buckets_are_bounded_and_the_longest_quiet_one_goes() -> None:
    newcomers = NewVisitors(NewVisitorLimits(burst=1, per_second=1, max_addresses=2))
    crowd(newcomers, 1, "192.0.2.1")
    crowd(newcomers, 1, "192.0.2.2")
    crowd(newcomers, 1, "192.0.2.3")
    assert crowd(newcomers, 1, "192.0.2.3") != [0.0]
    assert crowd(newcomers, 1, "192.0.2.1") == [0.0]
