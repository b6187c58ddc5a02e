"""Cache of answers from Cloudflare: saves request budget and survives an outage.

An answer is served from the cache for FRESH. Until TTL it is renewed while the budget is plentiful. After that it must
be read again; when that fails the old answer is served, with the moment it was true (`Answer.as_of`), for MAX_STALE.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from cachetools import LRUCache, TTLCache

from providers.base import ProviderBusy, ProviderUnavailable
from providers.cloudflare.budget import Priority
from providers.concurrency import SingleFlight

FRESH = timedelta(seconds=3)
"""An answer this new is served without asking."""

TTL = timedelta(seconds=60)
"""An answer this old must be read again, also when the budget is short."""

MAX_STALE = timedelta(hours=24)
"""An answer older than this is not served, even in an outage."""

RENEW_TIMEOUT = 2.0
"""Seconds to wait for Cloudflare when there is an older answer to serve."""

FAILURE_TTL = 2.0
"""Seconds for which a failed read is not repeated: the next clients get the same outcome at once."""

MAX_FAILURES = 10_000
"""Failed reads remembered."""

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Answer(Generic[V]):
    """`as_of`: the provider could not be asked, and this is what it said at that moment. None: current."""

    value: V
    as_of: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Kept(Generic[V]):
    """`expired_at`: since when it is known to be out of date, at any age."""

    value: V
    at: datetime
    written: bool = False
    expired_at: datetime | None = None


class Reads(Generic[K, V]):
    """At most `most` answers, as `size` counts them (default: each is one). One read per key at a time; others wait for it."""

    def __init__(
        self, clock: Callable[[], datetime], most: float, size: Callable[[V], float] = lambda value: 1
    ) -> None:
        self._clock = clock
        self._kept: LRUCache[K, _Kept[V]] = LRUCache(most, getsizeof=lambda kept: size(kept.value))
        self._failed: TTLCache[K, ProviderUnavailable] = TTLCache(
            MAX_FAILURES, FAILURE_TTL, timer=lambda: clock().timestamp()
        )
        self._flights: SingleFlight[K, Answer[V]] = SingleFlight()

    async def get(self, key: K, ask: Callable[[Priority], Awaitable[V]]) -> Answer[V]:
        """Return the cached answer or the result of `ask`. Errors: ProviderUnavailable, and those of `ask` (drop the answer)."""
        if (kept := self._fresh(key)) is not None:
            return Answer(kept.value)
        # Not shared: an answer requested before `expire` is not current for requests after it.
        return await self._flights.run(key, lambda: self._get(key, ask), share=False)

    async def _get(self, key: K, ask: Callable[[Priority], Awaitable[V]]) -> Answer[V]:
        if (kept := self._fresh(key)) is not None:
            return Answer(kept.value)
        kept = self._kept.get(key)
        if (failure := self._failed.get(key)) is None:
            try:
                return await self._read(key, kept, ask)
            except ProviderUnavailable as unavailable:
                failure = self._failed[key] = unavailable
        return self._instead(kept, failure)

    def put(self, key: K, value: V, *, asked_at: datetime | None = None) -> None:
        """Cache an answer. `asked_at`: when it was requested, if it was read; None: it is the result of our own write.

        An answer requested before a write is older than the write's; one requested before `expire` stays expired.
        """
        kept, expired_at = self._kept.get(key), None
        if asked_at is not None and kept is not None:
            if kept.written and kept.at > asked_at:
                return
            if kept.expired_at is not None and kept.expired_at > asked_at:
                expired_at = kept.expired_at
        self._failed.pop(key, None)
        self._kept.pop(key, None)
        try:
            self._kept[key] = _Kept(value, asked_at or self._clock(), asked_at is None, expired_at)
        except ValueError:
            pass  # larger than the whole cache

    def drop(self, key: K) -> None:
        """Remove an answer."""
        self._kept.pop(key, None)

    def expire(self, matches: Callable[[K], bool]) -> None:
        """Mark answers as out of date, so that they are read again before they are served as current."""
        for key in [each for each in self._kept if matches(each)]:
            self._failed.pop(key, None)
            self._kept[key] = replace(self._kept[key], expired_at=self._clock())

    async def _read(self, key: K, kept: _Kept[V] | None, ask: Callable[[Priority], Awaitable[V]]) -> Answer[V]:
        asked_at = self._clock()
        enough = kept is not None and kept.expired_at is None and self._age(kept) < TTL
        try:
            async with asyncio.timeout(None if kept is None else RENEW_TIMEOUT):
                value = await ask(Priority.RENEW if enough else Priority.READ)
        except ProviderUnavailable:
            raise
        except TimeoutError:
            raise ProviderUnavailable("Cloudflare does not answer in time") from None
        except Exception:
            self.drop(key)
            raise
        self.put(key, value, asked_at=asked_at)
        return Answer(value)

    def _instead(self, kept: _Kept[V] | None, failure: ProviderUnavailable) -> Answer[V]:
        """Return the older answer when a read failed. Errors: the failure, when there is none."""
        if kept is None or self._age(kept) > MAX_STALE:
            raise failure
        enough = isinstance(failure, ProviderBusy) and kept.expired_at is None and self._age(kept) < TTL
        return Answer(kept.value, None if enough else kept.at)

    def _fresh(self, key: K) -> _Kept[V] | None:
        kept = self._kept.get(key)
        return kept if kept is not None and kept.expired_at is None and self._age(kept) < FRESH else None

    def _age(self, kept: _Kept[V]) -> timedelta:
        """Return the age of a moment; one in the future (the clock was set back) counts as very old."""
        return abs(self._clock() - kept.at)
