"""Connections that do not publish: a limited number, shared fairly by the networks they come from.

Any client can open connections and leave them silent, or finish a handshake and wait. They have a limit of their own, so that they
keep out no encoder that has a key. Over the limit one of them is closed: of the network with the most, the oldest without a
finished handshake, or else the oldest.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from functools import lru_cache
from typing import Generic, Protocol, TypeVar

IPV6_PREFIX = 64
"""Leading bits of an IPv6 address that name one network; a host chooses the rest freely."""


class Addressed(Protocol):
    """A connection."""

    address: str


C = TypeVar("C", bound=Addressed)


@lru_cache(1024)
def network_of(address: str) -> str:
    """Return the unit of limits by address: an IPv4 address, an IPv6 /64, or the text itself if it is neither."""
    try:
        # A link-local address has its interface behind "%" (RFC 4007 §11).
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    # A socket for both families reports IPv4 peers as ::ffff:a.b.c.d (RFC 4291 §2.5.5.2).
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, IPV6_PREFIX), strict=False))


class PendingConnections(Generic[C]):
    """The connections that do not publish, by network; those that have not finished their handshakes are cut first."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._networks: dict[str, _Network[C]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, connection: C) -> C | None:
        """Count the connection; return the one to close in its place, which is no longer counted."""
        cut = self._choose() if self._count >= self._limit else None
        if cut is not None:
            self.discard(cut)
        self._networks.setdefault(network_of(connection.address), _Network()).begun[connection] = None
        self._count += 1
        return cut

    def greeted(self, connection: C) -> None:
        """Note that the connection finished its handshakes."""
        network = self._networks.get(network_of(connection.address))
        if network is not None and connection in network.begun:
            del network.begun[connection]
            network.greeted[connection] = None

    def discard(self, connection: C) -> None:
        """Stop counting the connection; does nothing if it is not counted."""
        name = network_of(connection.address)
        network = self._networks.get(name)
        if network is None or not network.remove(connection):
            return
        self._count -= 1
        if not len(network):
            del self._networks[name]

    def _choose(self) -> C:
        # A walk over 512 networks at most, and only at the limit.
        fullest = max(self._networks.values(), key=len)
        return next(iter(fullest.begun or fullest.greeted))


class _Network(Generic[C]):
    """The connections of one network, each kind oldest first."""

    def __init__(self) -> None:
        self.begun: OrderedDict[C, None] = OrderedDict()
        self.greeted: OrderedDict[C, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self.begun) + len(self.greeted)

    def remove(self, connection: C) -> bool:
        """Remove the connection; return whether it was counted."""
        for kind in (self.begun, self.greeted):
            if connection in kind:
                del kind[connection]
                return True
        return False
