"""Token buckets by key, such as a user or a network address."""

from __future__ import annotations

import ipaddress
from collections.abc import Hashable

from cachetools import LRUCache

from providers.concurrency import TokenBucket

IPV6_NETWORK = 64
"""Leading bits of an IPv6 address that identify a network. A host chooses the other bits freely."""

IPV6_SITE = 48
"""Leading bits that identify one customer of an Internet provider, with up to 65,536 networks."""


class TokenBuckets:
    """A bucket per key: `burst` tokens at once, then `per_second`. Over `most` keys, the least recently used one is dropped."""

    def __init__(self, burst: float, per_second: float, most: int) -> None:
        self._burst = burst
        self._per_second = per_second
        self._buckets: LRUCache[Hashable, TokenBucket] = LRUCache(most)

    def acquire(self, key: Hashable, now_ms: int) -> float:
        """Remove one token at this moment (Unix ms). Return 0.0, or, when there is none, the seconds until there is."""
        now = now_ms / 1000
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = TokenBucket(self._burst, self._per_second, now)
        return bucket.acquire(now)


class AddressTokenBuckets(TokenBuckets):
    """Buckets by network address. IPv6 addresses that share `ipv6_prefix` leading bits share a bucket."""

    def __init__(self, burst: float, per_second: float, most: int, *, ipv6_prefix: int = IPV6_NETWORK) -> None:
        super().__init__(burst, per_second, most)
        self._ipv6_prefix = ipv6_prefix

    def acquire(self, key: Hashable, now_ms: int) -> float:
        """Remove one token from the bucket of `key`, an address as text. See `TokenBuckets.acquire`."""
        return super().acquire(site(str(key), self._ipv6_prefix), now_ms)


def site(address: str, ipv6_prefix: int = IPV6_NETWORK) -> str:
    """Return what a limit by address counts as one: an IPv4 address, an IPv6 network, or "" for neither (a Unix socket)."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, ipv6_prefix), strict=False))
