"""Rate-limit visitor ids that have not been seen before, by address: the endpoint needs no credentials.

Clients choose their visitor ids. A script could invent many, which would make the count wrong and use up memory. Real visitors
behind one address do not grow by thousands for minutes. So each address has a token bucket for *new* ids, and ids that are already
in the window need no token. Without a token, the response is 429. A 200 without counting the visitor would make the count wrong
silently, and counting the visitor would make the limit ineffective.
"""

from __future__ import annotations

from dataclasses import dataclass

from service.concurrency.token_bucket import IPV6_SITE, AddressTokenBuckets
from service.domain.audience.viewer_window import WINDOW_MS


@dataclass(frozen=True, slots=True)
class NewVisitorLimits:
    """`burst` new visitors at once (a school, a company), then `per_second`. The sizes bound the memory: about 70 bytes per id."""

    burst: float = 5_000
    per_second: float = 50
    max_known: int = 250_000
    """Ids in each of the two sets of known ids."""
    max_addresses: int = 50_000
    """Addresses with a bucket. Over the limit, the least recently used bucket is dropped."""


class NewVisitors:
    """Rate-limits new visitor ids. Times are Unix ms."""

    def __init__(self, limits: NewVisitorLimits | None = None) -> None:
        self._limits = limits or NewVisitorLimits()
        # The hash of the id is enough: a collision (1 in 2^64) exempts one visitor from the limit.
        self._recent: set[int] = set()
        self._previous: set[int] = set()
        self._rotated_ms = 0
        self._buckets = AddressTokenBuckets(
            self._limits.burst, self._limits.per_second, self._limits.max_addresses, ipv6_prefix=IPV6_SITE
        )

    def is_known(self, stream: str, visitor_id: str, now_ms: int) -> bool:
        """Return whether the visitor was admitted to this stream within the last window, and extend that by another one.

        Args:
            stream: The uid of the live input.
            visitor_id: The visitor id as the client sent it.
            now_ms: The time of the heartbeat, in Unix ms.

        Returns:
            True if the visitor needs no token; False if it has to be admitted.
        """
        if now_ms - self._rotated_ms >= WINDOW_MS or len(self._recent) >= self._limits.max_known:
            self._rotate(now_ms)
        visitor = hash((stream, visitor_id))
        if visitor in self._recent:
            return True
        if visitor in self._previous:
            self._recent.add(visitor)
            return True
        return False

    def _rotate(self, now_ms: int) -> None:
        skipped = now_ms - self._rotated_ms >= 2 * WINDOW_MS
        self._previous = set() if skipped else self._recent
        self._recent = set()
        self._rotated_ms = now_ms

    def admit(self, stream: str, visitor_id: str, address: str, now_ms: int) -> float:
        """Admit a new visitor, if there is a token for its address.

        Args:
            stream: The uid of the live input.
            visitor_id: The visitor id as the client sent it.
            address: The client's IP address. IPv6 addresses of one site share their tokens.
            now_ms: The time of the heartbeat, in Unix ms.

        Returns:
            0.0 if the visitor was admitted, else the seconds until there is a token.
        """
        wait = self._buckets.acquire(address, now_ms)
        if wait == 0.0:
            self._recent.add(hash((stream, visitor_id)))
        return wait
