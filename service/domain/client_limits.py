"""A limit on what one caller may ask of the API, so that a script that ran wild slows down itself and nobody else.

Only who is known has a bucket: a user of an organization, whichever tokens he uses, or the organization itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from service.concurrency.token_bucket import TokenBuckets
from service.domain.accounts import Authenticator, Identity
from service.domain.errors import Throttled


@dataclass(frozen=True, slots=True)
class ClientLimits:
    """`burst` requests at once, then `per_second`; buckets of `most` callers are kept, about 200 bytes each."""

    burst: float = math.inf
    per_second: float = math.inf
    most: int = 50_000


class LimitedClients:
    """An Authenticator that counts. `clock`: Unix ms."""

    def __init__(self, accounts: Authenticator, limits: ClientLimits, clock: Callable[[], int]) -> None:
        self._accounts = accounts
        self._clock = clock
        self._buckets = TokenBuckets(limits.burst, limits.per_second, limits.most)

    async def authenticate(self, header: str | None) -> Identity:
        """The caller, if he may ask now. Errors: Throttled, and as the authenticator behind."""
        identity = await self._accounts.authenticate(header)
        caller = identity.user_id or identity.organization.id
        wait = self._buckets.acquire(caller, self._clock())
        if wait > 0:
            raise Throttled(math.ceil(wait))
        return identity
