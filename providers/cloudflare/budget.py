"""The request budget: Cloudflare counts 1,200 requests in 5 minutes per token and then blocks everything."""

from __future__ import annotations

from collections.abc import Callable

WINDOW = 300.0
"""Seconds Cloudflare counts over."""

BUDGET = 900
"""Requests we send in a window at most: the token may have other users."""

BURST = 150
"""Requests that may go at once; part of BUDGET."""

RESERVE = 60
"""Requests polling leaves for what people ask for."""


class Budget:
    """A token bucket. `clock` is monotonic, in seconds."""

    def __init__(
        self, clock: Callable[[], float], *, budget: int = BUDGET, burst: int = BURST, reserve: int = RESERVE
    ) -> None:
        self._clock = clock
        self._burst = float(burst)
        self._reserve = float(reserve)
        self._rate = (budget - burst) / WINDOW
        self._tokens = self._burst
        self._filled_at = clock()
        self._blocked_until = 0.0

    def take(self, *, polling: bool = False) -> float:
        """Take one request off; 0 when it may go, else the seconds until it may (and nothing is taken)."""
        now = self._clock()
        if now < self._blocked_until:
            return self._blocked_until - now
        self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now
        needed = 1.0 + (self._reserve if polling else 0.0)
        if self._tokens < needed:
            return (needed - self._tokens) / self._rate
        self._tokens -= 1.0
        return 0.0

    def block(self, seconds: float) -> None:
        """Cloudflare said 429: nothing goes for so long."""
        self._blocked_until = max(self._blocked_until, self._clock() + seconds)
