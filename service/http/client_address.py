"""The address of the client: the peer, or the address that a trusted proxy reports."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

Networks = Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network]


def client_address(peer: str, forwarded_for: str, trusted: Networks) -> str:
    """Return the nearest address that is not a trusted proxy.

    `forwarded_for` is X-Forwarded-For, each hop's client left to right; it is trusted only as far as trusted proxies wrote it,
    so values that a client adds have no effect.
    """
    address = peer
    hops = [hop.strip() for hop in forwarded_for.split(",") if hop.strip()]
    while hops and is_trusted(address, trusted):
        # From the right: each proxy appends its own client, and only what trusted ones appended is believed.
        address = hops.pop()
    return address


def is_trusted(address: str, trusted: Networks) -> bool:
    """Return whether the address is a trusted proxy's; a unix socket or a malformed address is not."""
    if not trusted:
        return False
    try:
        # Without the zone of a link-local address (RFC 4007 §11).
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    # A dual-stack socket shows IPv4 peers as ::ffff:a.b.c.d (RFC 4291 §2.5.5.2).
    mapped = getattr(parsed, "ipv4_mapped", None)
    return any((mapped or parsed) in network for network in trusted)
