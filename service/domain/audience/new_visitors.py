"""A limit on visitors nobody has seen before, by address: the endpoint asks for no credentials.

A visitor id is whatever the visitor says, so a script could fill the window with ids it made up, and the count would be a lie that
costs memory. What a crowd behind one address does not do is grow by thousands for minutes on end: so each address has a bucket
of *new* ids, and an id already in the window passes without one. Who finds the bucket empty is told to come back (429): to answer
him 200 and leave him out would make the count untrue without anybody knowing, and to count him would leave the limit toothless.
"""

from __future__ import annotations

from dataclasses import dataclass

from service.concurrency.token_bucket import IPV6_SITE, AddressTokenBuckets
from service.viewers.port import WINDOW_MS


@dataclass(frozen=True, slots=True)
class NewVisitorLimits:
    """`burst` newcomers at once (a school, a company), then `per_second`. The sizes bound the memory: about 70 bytes an id."""

    burst: float = 5_000
    per_second: float = 50
    max_known: int = 250_000
    """Ids in each of the two generations of the known."""
    max_addresses: int = 50_000
    """Addresses with a bucket; beyond, the one without a newcomer for the longest time starts afresh."""


class NewVisitors:
    """Who is new, and may he come in. Times are Unix ms."""

    def __init__(self, limits: NewVisitorLimits | None = None) -> None:
        self._limits = limits or NewVisitorLimits()
        # The id's own hash will do: a collision (1 in 2^64) lets somebody in unlimited, no more.
        self._young: set[int] = set()
        self._old: set[int] = set()
        self._turned_ms = 0
        self._buckets = AddressTokenBuckets(
            self._limits.burst, self._limits.per_second, self._limits.max_addresses, ipv6_prefix=IPV6_SITE
        )

    def knows(self, stream: str, visitor_id: str, now_ms: int) -> bool:
        """The visitor was let in to this stream within the last window, and stays known for another one."""
        if now_ms - self._turned_ms >= WINDOW_MS or len(self._young) >= self._limits.max_known:
            self._turn(now_ms)
        visitor = hash((stream, visitor_id))
        if visitor in self._young:
            return True
        if visitor in self._old:
            self._young.add(visitor)
            return True
        return False

    def _turn(self, now_ms: int) -> None:
        skipped = now_ms - self._turned_ms >= 2 * WINDOW_MS
        self._old = set() if skipped else self._young
        self._young = set()
        self._turned_ms = now_ms

    def admit(self, stream: str, visitor_id: str, address: str, now_ms: int) -> float:
        """Let a newcomer in: 0.0, or the seconds after which there is room for him again."""
        wait = self._buckets.acquire(address, now_ms)
        if wait == 0.0:
            self._young.add(hash((stream, visitor_id)))
        return wait
