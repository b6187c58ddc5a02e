"""A limit on wrong guesses, by address: unknown channel ids on public addresses, and tokens that are not valid.

Only what turned out wrong is counted. So a client behind the same address (a school, a proxy) whose ids and tokens are right is
never refused, however much another one there guesses.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from service.concurrency.token_bucket import AddressTokenBuckets
from service.domain.errors import Throttled


@dataclass(frozen=True, slots=True)
class GuessLimits:
    """Of one address (of IPv6, a /64): `burst` wrong guesses at once, then `per_second`. Over `max_addresses`, the address that
    guessed longest ago is forgotten; each takes about 200 bytes."""

    burst: float = 200
    per_second: float = 2
    max_addresses: int = 20_000


class Guesses:
    """Counts them. `clock`: Unix ms."""

    def __init__(self, clock: Callable[[], int], limits: GuessLimits | None = None) -> None:
        limits = limits or GuessLimits()
        self._clock = clock
        self._buckets = AddressTokenBuckets(limits.burst, limits.per_second, limits.max_addresses)

    def wrong(self, address: str) -> None:
        """Count a wrong guess from this address. Errors: Throttled, to be answered instead of what was wrong."""
        wait = self._buckets.acquire(address, self._clock())
        if wait > 0:
            raise Throttled(math.ceil(wait))
