"""Mechanisms for concurrent work that decide nothing about the product: single flight, the token bucket, and rounds.

They stand here because providers need them too, and `providers` never imports `service`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

PAUSE_SECONDS = 1.0
"""A round that comes later than this says that the process was paused."""


async def rounds(interval: float) -> AsyncGenerator[tuple[float, float], None]:
    """Yield about every `interval` seconds, for checks of deadlines.

    After a pause of the process (SIGSTOP, a suspended machine, a blocked event loop) every deadline has passed, while the bytes
    that would have prevented it wait unread: uvloop runs timers before it reads sockets. Such a round must close nothing; the one
    after it is an ordinary one again, also if it is late.

    Yields:
        The event loop's time, and for how many seconds the process was paused before this round: 0.0 in an ordinary one.
    """
    loop = asyncio.get_running_loop()
    paused = 0.0
    while True:
        before = loop.time()
        await asyncio.sleep(interval)
        now = loop.time()
        late = now - before - interval
        paused = late if not paused and late > PAUSE_SECONDS else 0.0
        yield now, paused


class SingleFlight(Generic[K, V]):
    """At most one piece of work per key at a time in this process."""

    def __init__(self) -> None:
        self._running: dict[K, asyncio.Future[V]] = {}

    async def run(self, key: K, work: Callable[[], Awaitable[V]], *, share: bool) -> V:
        """Run `work` once no other work of `key` is running.

        If the client that runs the work is cancelled, one of the waiting clients runs its own.

        Args:
            key: What the work is about.
            work: Called at most once.
            share: Whether the result of work that is already running will do. If not, this is a lock per key.

        Returns:
            The result of `work`, or with `share` that of the work that was running.

        Raises:
            Exception: Any that the work raises.
        """
        while (running := self._running.get(key)) is not None:
            await asyncio.wait([running])
            if share and not running.cancelled():
                return running.result()
        flight: asyncio.Future[V] = asyncio.get_running_loop().create_future()
        self._running[key] = flight
        try:
            result = await work()
        except BaseException as failure:
            if isinstance(failure, Exception):
                flight.set_exception(failure)
                flight.exception()  # marks it as retrieved: there may be no waiting client
            else:
                flight.cancel()
            raise
        else:
            flight.set_result(result)
            return result
        finally:
            del self._running[key]

    async def join(self, key: K, start: Callable[[], asyncio.Future[V]]) -> V:
        """Wait for the work of `key`, started by `start` if none is running. It outlives clients that are cancelled.

        For work that cannot be cancelled, such as a thread. Do not mix with `run` on the same keys.

        Returns:
            The result of the work, shared by all clients.

        Raises:
            Exception: Any that the work raises.
        """
        running = self._running.get(key)
        if running is None:
            running = self._running[key] = start()
            running.add_done_callback(lambda _: self._running.pop(key))
        return await asyncio.shield(running)


class TokenBucket:
    """A bucket of `burst` tokens that gets `per_second` new ones. Times are seconds of one clock, passed in by the client."""

    __slots__ = ("_burst", "_filled_at", "_per_second", "tokens")

    def __init__(self, burst: float, per_second: float, now: float) -> None:
        self._burst = burst
        self._per_second = per_second
        self._filled_at = now
        self.tokens = burst

    def fill(self, now: float, most: float | None = None) -> None:
        """Add the tokens due at `now`. `most`: discard any over this number."""
        # A clock that was set back adds nothing. `min` returns its first argument when the second is NaN (0 s of an infinite rate).
        self.tokens = min(self._burst, self.tokens + max(0.0, now - self._filled_at) * self._per_second)
        self._filled_at = now
        if most is not None:
            self.tokens = min(self.tokens, most)

    def acquire(self, now: float) -> float:
        """Fill, then remove one token. Return 0.0, or, when there is none, the seconds until there is."""
        self.fill(now)
        if self.tokens < 1.0:
            return self.until(1.0)
        self.tokens -= 1.0
        return 0.0

    def until(self, tokens: float) -> float:
        """Return the seconds from the last fill until the bucket holds this many tokens."""
        return (tokens - self.tokens) / self._per_second
