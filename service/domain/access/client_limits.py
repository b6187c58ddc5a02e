"""A rate limit for each API client, so that a runaway script slows down only itself.

Buckets are kept for authenticated clients only: a user, with any of their tokens, or an organization itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from service.clock import Clock
from service.concurrency.token_bucket import TokenBuckets
from service.domain.access.accounts import Authenticator, Identity
from service.domain.errors import Throttled


@dataclass(frozen=True, slots=True)
class ClientLimits:
    """`burst` requests at once, then `per_second`; buckets of `most` clients are kept, about 200 bytes each."""

    burst: float = math.inf
    per_second: float = math.inf
    most: int = 50_000


class LimitedClients:
    """An Authenticator with a rate limit."""

    def __init__(self, accounts: Authenticator, limits: ClientLimits, clock: Clock) -> None:
        self._accounts = accounts
        self._clock = clock
        self._buckets = TokenBuckets(limits.burst, limits.per_second, limits.most)

    async def authenticate(self, header: str | None) -> Identity:
        """Return the identity of the client.

        Raises:
            Throttled: The client has sent too many requests.
            NotAuthenticated, Unavailable: See `Authenticator`.
        """
        identity = await self._accounts.authenticate(header)
        client = identity.user_id or identity.organization.id
        wait = self._buckets.acquire(client, self._clock.unix_ms())
        if wait > 0:
            raise Throttled(math.ceil(wait))
        return identity
