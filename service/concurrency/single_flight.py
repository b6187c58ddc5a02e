"""Single flight: at most one piece of work per key at a time in this process; those who may share its answer do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class SingleFlight(Generic[K, V]):
    """Work under way, by key."""

    def __init__(self) -> None:
        self._running: dict[K, asyncio.Future[V]] = {}

    async def run(self, key: K, work: Callable[[], Awaitable[V]], *, share: bool) -> V:
        """Do `work` when nothing of that key is under way.

        Otherwise wait for what is: with `share` its result (or error) is ours, else our turn comes after it. When whoever does
        the work is cancelled, one of those waiting takes over.
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
                flight.exception()  # nobody has to be waiting for it
            else:
                flight.cancel()
            raise
        else:
            flight.set_result(result)
            return result
        finally:
            del self._running[key]
