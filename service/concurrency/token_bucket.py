"""A bucket of tokens for each address, or for each of whatever else: so many at once, then so many a second."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Hashable

IPV6_NETWORK = 64
"""Leading bits of an IPv6 address that name one network; a host in it chooses the rest freely."""

IPV6_SITE = 48
"""Leading bits that name one customer of a provider, who chooses among 65,536 networks freely."""


class TokenBuckets:
    """`burst` at once, then `per_second`; beyond `most` keys the one that took nothing for the longest time starts afresh."""

    def __init__(self, burst: float, per_second: float, most: int) -> None:
        self._burst = burst
        self._per_second = per_second
        self._most = most
        self._buckets: OrderedDict[Hashable, tuple[float, int]] = OrderedDict()

    def take(self, key: Hashable, now_ms: int) -> float:
        """Take one token at this moment (Unix ms): 0.0, or, when there is none, the seconds until there is."""
        tokens, at = self._buckets.get(key, (self._burst, now_ms))
        tokens = min(self._burst, tokens + max(0, now_ms - at) / 1000 * self._per_second)
        taken = tokens >= 1.0
        self._buckets[key] = (tokens - 1.0 if taken else tokens, now_ms)
        self._buckets.move_to_end(key)
        if len(self._buckets) > self._most:
            self._buckets.popitem(last=False)
        return 0.0 if taken else (1.0 - tokens) / self._per_second


class AddressTokenBuckets(TokenBuckets):
    """The same for network addresses; of IPv6, those that share `ipv6_prefix` bits have one bucket."""

    def __init__(self, burst: float, per_second: float, most: int, *, ipv6_prefix: int = IPV6_NETWORK) -> None:
        super().__init__(burst, per_second, most)
        self._ipv6_prefix = ipv6_prefix

    def take(self, key: Hashable, now_ms: int) -> float:
        """As above; `key` is an address as text."""
        return super().take(site(str(key), self._ipv6_prefix), now_ms)


def site(address: str, ipv6_prefix: int = IPV6_NETWORK) -> str:
    """What counts as one in a limit by address: an IPv4 address, an IPv6 network, or "" for what is neither (a unix socket)."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, ipv6_prefix), strict=False))
