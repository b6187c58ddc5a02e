"""Who is cut when too many connections do not publish."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from providers.local.ingest.pending import PendingConnections, network_of


@dataclass(eq=False)
class Peer:
    address: str


def peers(*addresses: str) -> list[Peer]:
    return [Peer(address) for address in addresses]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::1", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("", "", True),
    ],
)
def test_a_network_is_an_ipv4_address_or_an_ipv6_64(one: str, other: str, same: bool) -> None:
    assert (network_of(one) == network_of(other)) is same


def test_the_oldest_of_the_network_with_the_most_is_cut() -> None:
    pending: PendingConnections[Peer] = PendingConnections(4)
    few, first, second, third, new = peers("192.0.2.1", "2001:db8::1", "2001:db8::2", "2001:db8::3", "192.0.2.9")
    assert [pending.add(each) for each in (few, first, second, third, new)] == [None, None, None, None, first]
    assert len(pending) == 4


def test_a_connection_after_its_handshakes_is_cut_last() -> None:
    pending: PendingConnections[Peer] = PendingConnections(3)
    greeted, silent, late, new, newest = peers(*["192.0.2.1"] * 5)
    for each in (greeted, silent, late):
        pending.add(each)
    pending.greeted(greeted)
    assert [pending.add(new), pending.add(newest)] == [silent, late]
    for each in (new, newest):
        pending.greeted(each)
    assert pending.add(silent) is greeted


def test_what_is_not_counted_is_discarded_without_harm() -> None:
    pending: PendingConnections[Peer] = PendingConnections(2)
    one, other = peers("192.0.2.1", "192.0.2.2")
    pending.add(one)
    for each in (other, one, one):
        pending.discard(each)
    pending.greeted(one)
    assert len(pending) == 0
