"""Rate-limit wrong guesses by address: unknown channel ids at public endpoints, and invalid tokens.

Only wrong ones are counted. So a client with valid ids and tokens is never refused because of another one behind the same address
(a school, a proxy).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from service.clock import Clock
from service.concurrency.token_bucket import AddressTokenBuckets
from service.domain.errors import Throttled


@dataclass(frozen=True, slots=True)
class GuessLimits:
    """Per address (IPv6: per /64): `burst` wrong guesses at once, then `per_second`. Over `max_addresses`, the least recently
    used bucket is dropped; each takes about 200 bytes."""

    burst: float = 200
    per_second: float = 2
    max_addresses: int = 20_000


class Guesses:
    """Counts wrong guesses."""

    def __init__(self, clock: Clock, limits: GuessLimits | None = None) -> None:
        limits = limits or GuessLimits()
        self._clock = clock
        self._buckets = AddressTokenBuckets(limits.burst, limits.per_second, limits.max_addresses)

    def wrong(self, address: str) -> None:
        """Count a wrong guess from this address.

        Raises:
            Throttled: Too many. It replaces the error that the guess would have caused.
        """
        wait = self._buckets.acquire(address, self._clock.unix_ms())
        if wait > 0:
            raise Throttled(math.ceil(wait))
