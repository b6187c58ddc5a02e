"""A crowd of made-up ids from one address is stopped; other visitors are not."""

from __future__ import annotations

import pytest

from service.domain.audience.new_visitors import NewVisitorLimits, NewVisitors
from service.domain.audience.viewer_window import WINDOW_MS

LIMITS = NewVisitorLimits(burst=3, per_second=2)


def crowd(visitors: NewVisitors, size: int, address: str = "192.0.2.1", now_ms: int = 0) -> list[float]:
    return [visitors.admit("stream", f"{address} {now_ms} {number}", address, now_ms) for number in range(size)]


def test_an_address_may_bring_a_burst_of_new_visitors_and_no_more() -> None:
    assert crowd(NewVisitors(LIMITS), 5) == [0.0, 0.0, 0.0, 0.5, 0.5]


def test_room_comes_back_with_time() -> None:
    visitors = NewVisitors(LIMITS)
    crowd(visitors, 4)
    assert crowd(visitors, 2, now_ms=500) == [0.0, 0.5]


def test_addresses_do_not_share() -> None:
    visitors = NewVisitors(LIMITS)
    crowd(visitors, 4)
    assert crowd(visitors, 1, "192.0.2.2") == [0.0]


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
    visitors = NewVisitors(LIMITS)
    crowd(visitors, 3, one)
    assert (crowd(visitors, 1, other) != [0.0]) is shared


def test_an_accepted_visitor_is_known_for_at_least_a_window() -> None:
    visitors = NewVisitors(LIMITS)
    visitors.is_known("stream", "ann", 0)
    visitors.admit("stream", "ann", "192.0.2.1", 0)
    assert visitors.is_known("stream", "ann", WINDOW_MS)


def test_a_regular_visitor_stays_known() -> None:
    visitors = NewVisitors(LIMITS)
    visitors.admit("stream", "ann", "192.0.2.1", 0)
    assert all(visitors.is_known("stream", "ann", at) for at in range(0, 10 * WINDOW_MS, WINDOW_MS // 2))


def test_a_visitor_without_heartbeats_is_new_again() -> None:
    visitors = NewVisitors(LIMITS)
    visitors.admit("stream", "ann", "192.0.2.1", 0)
    assert not visitors.is_known("stream", "ann", 3 * WINDOW_MS)


def test_a_refused_visitor_is_not_known() -> None:
    visitors = NewVisitors(LIMITS)
    crowd(visitors, 3)
    visitors.admit("stream", "ann", "192.0.2.1", 0)
    assert not visitors.is_known("stream", "ann", 0)


def test_a_visitor_of_one_stream_is_new_to_another() -> None:
    visitors = NewVisitors(LIMITS)
    visitors.admit("stream", "ann", "192.0.2.1", 0)
    assert not visitors.is_known("other", "ann", 0)


def test_what_is_known_is_bounded() -> None:
    visitors = NewVisitors(NewVisitorLimits(burst=100, max_known=10))
    for number in range(100):
        visitors.is_known("stream", str(number), 1)
        visitors.admit("stream", str(number), "192.0.2.1", 1)
    assert sum(visitors.is_known("stream", str(number), 1) for number in range(100)) <= 20


def test_the_buckets_are_bounded_and_the_longest_quiet_one_goes() -> None:
    visitors = NewVisitors(NewVisitorLimits(burst=1, per_second=1, max_addresses=2))
    crowd(visitors, 1, "192.0.2.1")
    crowd(visitors, 1, "192.0.2.2")
    crowd(visitors, 1, "192.0.2.3")
    assert crowd(visitors, 1, "192.0.2.3") != [0.0]
    assert crowd(visitors, 1, "192.0.2.1") == [0.0]
