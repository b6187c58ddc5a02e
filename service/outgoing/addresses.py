"""Which addresses outgoing calls may reach: public ones, and the networks that the operator allows.

Addresses are judged by the special-purpose registries of IANA (RFC 6890). An IPv4 address inside an IPv6 address counts where the
network would deliver to it.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address
Networks = Sequence[IPv4Network | IPv6Network]

_NOT_PUBLIC_IPV4 = [
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this host (RFC 791 §3.2)
        "10.0.0.0/8",  # private (RFC 1918)
        "100.64.0.0/10",  # carrier-grade NAT (RFC 6598), and metadata of one cloud
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # the host of a virtual machine in Azure
        "169.254.0.0/16",  # link-local (RFC 3927), and metadata of most clouds
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments (RFC 6890), and metadata of one cloud
        "192.0.2.0/24",  # documentation (RFC 5737)
        "192.88.99.0/24",  # 6to4 relays (RFC 7526)
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks (RFC 2544)
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
]

_GLOBAL_IPV6 = IPv6Network("2000::/3")
"""The only unicast addresses in use outside of sites (RFC 4291 §2.4)."""

_NOT_PUBLIC_IPV6 = [
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments (RFC 2928): Teredo, ORCHID, benchmarks
        "2001:db8::/32",  # documentation (RFC 3849)
        "2002::/16",  # 6to4 (RFC 3056): it leads to any IPv4 address
        "3fff::/20",  # documentation (RFC 9637)
    )
]

_NAT64 = IPv6Network("64:ff9b::/96")
"""A gateway delivers to the IPv4 address in the last 32 bits (RFC 6052 §2.1)."""


def is_allowed(address: Address, allowed: Networks) -> bool:
    """Return whether a call may reach this address."""
    real = delivered_to(address)
    return _is_public(real) or any(each in network for network in allowed for each in (address, real))


def delivered_to(address: Address) -> Address:
    """Return the IPv4 address that packets to an IPv4-mapped or NAT64 address reach; any other address as it is."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return IPv4Address(address.packed[-4:])
    return address


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC_IPV4)
    return address in _GLOBAL_IPV6 and not any(address in network for network in _NOT_PUBLIC_IPV6)


def literal(host: str) -> Address | None:
    """Return the address that a host of a URL is, in any notation that the system reads: 127.1, 0x7f000001, 017700000001."""
    try:
        return ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(host.rstrip(".")))
    except (OSError, UnicodeError):
        return None
