"""The request budget: Cloudflare counts 1,200 requests in 5 minutes per token and then blocks everything.

One token bucket for the whole account. Three rules decide which request gets the next token:

- **Priority.** Each priority leaves a floor of tokens to the more important ones: writes before reads, reads before polling.
- **Fair shares.** An organization that has used more than its share has higher floors, so the tokens below them are left to the
  others. A single organization counts as one of two, which reserves a share for the next.
- **Cloudflare's own count.** The `Ratelimit` header caps the bucket, because other processes use the same API token.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from cachetools import Cache, LRUCache

from providers.concurrency import TokenBucket

WINDOW = 300.0
"""Seconds Cloudflare counts over."""

BUDGET = 900
"""Requests one process sends in a window at most: the token may have other users."""

BURST = 150
"""Requests that may go at once; part of BUDGET."""

RATE = (BUDGET - BURST) / WINDOW
"""Tokens that come back each second."""

MARGIN = 5.0
"""Tokens available after the wait that a refused client is given, so that its retry succeeds."""

SHARE_WINDOW = 60.0
"""Seconds in which the remembered use of an organization falls to a third."""

MAX_TENANTS = 1_000
"""Organizations whose use is remembered."""

USED_LATELY = 1.0
"""Requests of remembered use from which on an organization counts as active."""


class Priority(Enum):
    """Why a request is sent, the most important first."""

    WRITE = "write"
    READ = "read"
    POLL = "poll"
    RENEW = "renew"


FLOORS = {Priority.WRITE: 0, Priority.READ: 30, Priority.POLL: 50, Priority.RENEW: 110}
"""Tokens a request leaves untouched. RENEW refreshes an answer that is still good enough."""

FLOORS_ABOVE_SHARE = {Priority.WRITE: 60, Priority.READ: 95, Priority.POLL: 100, Priority.RENEW: 120}
"""The same for an organization that has used more than its share: above the others' floors, which reserves tokens for them."""

POLLING = "polling"
"""What polling counts as: one organization more, since it serves every organization's viewers."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """No request now. `wait`: seconds until there is a token. `above_share`: other organizations come first."""

    wait: float
    above_share: bool = False
    blocked: bool = False

    @property
    def retry_after(self) -> float:
        """Seconds after which another try is worthwhile."""
        return self.wait + MARGIN / RATE


class Budget:
    """A token bucket shared by priority and organization. `clock` is monotonic, in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._bucket = TokenBucket(BURST, RATE, clock())
        self._cap = math.inf
        self._cap_until = 0.0
        self._blocked_until = 0.0
        self._used: LRUCache[str, tuple[float, float]] = LRUCache(MAX_TENANTS)

    def acquire(self, priority: Priority = Priority.WRITE, tenant: str | None = None) -> Refusal | None:
        """Consume one token and return None, or return a refusal and consume nothing."""
        now = self._clock()
        if now < self._blocked_until:
            return Refusal(self._blocked_until - now, blocked=True)
        self._bucket.fill(now, self._cap if now < self._cap_until else None)
        tenant = POLLING if priority is Priority.POLL else tenant
        above = tenant is not None and self._is_above_share(tenant, now)
        needed = 1.0 + (FLOORS_ABOVE_SHARE if above else FLOORS)[priority]
        if self._bucket.tokens < needed:
            return Refusal(self._until(needed, now), above_share=above)
        self._bucket.tokens -= 1.0
        self._cap -= 1.0
        if tenant is not None:
            self._used[tenant] = (self._use(tenant, now) + 1.0, now)
        return None

    def block(self, seconds: float) -> None:
        """Send nothing for this long: Cloudflare answered 429."""
        self._blocked_until = max(self._blocked_until, self._clock() + seconds)

    def observe(self, remaining: float, seconds: float) -> None:
        """Apply Cloudflare's own limit: `remaining` more requests within `seconds`, from all users of the token."""
        self._cap, self._cap_until = remaining, self._clock() + seconds

    def _until(self, needed: float, now: float) -> float:
        """Seconds until there are `needed` tokens."""
        if now < self._cap_until and self._cap < needed:
            return self._cap_until - now
        return self._bucket.until(needed)

    def _is_above_share(self, tenant: str, now: float) -> bool:
        """Return whether it has used more than an equal share among the active organizations and one new one."""
        used = [self._use(each, now) for each in list(self._used)]
        active = [each for each in used if each >= USED_LATELY]
        return self._use(tenant, now) > sum(active) / (len(active) + 1)

    def _use(self, tenant: str, now: float) -> float:
        """Return the requests of the last SHARE_WINDOW; older ones count less."""
        # Past the cache's ordering: reading every entry must not make every entry recently used.
        used, at = Cache.__getitem__(self._used, tenant) if tenant in self._used else (0.0, now)
        return used * math.exp((at - now) / SHARE_WINDOW)
