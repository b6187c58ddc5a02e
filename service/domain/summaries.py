"""State and viewer count of streams nobody watches at the moment, for lists of many."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from providers.base import InputNotFound, Phase, Provider, ProviderError, Spawn
from service.domain.errors import Unavailable
from service.domain.ports import LiveSummary
from service.viewers.port import ViewerWindow

AT_ONCE = 10
"""Streams being asked about at the same moment."""

FRESH_FOR = 1.0
"""Seconds a summary is given out again."""

TIMEOUT = 5.0
"""Seconds for one stream's summary."""


class Summaries:
    """Asks once for each stream, whoever wants to know meanwhile."""

    def __init__(self, provider: Provider, viewers: ViewerWindow, spawn: Spawn, clock: Callable[[], int]) -> None:
        self._provider = provider
        self._viewers = viewers
        self._spawn = spawn
        self._clock = clock
        self._flights: dict[str, asyncio.Future[LiveSummary | Unavailable]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def of(self, uids: Sequence[str]) -> dict[str, LiveSummary]:
        """Errors: Unavailable."""
        flights = {uid: self._flights.get(uid) or self._start(uid) for uid in uids}
        answers = {uid: await asyncio.shield(flight) for uid, flight in flights.items()}
        for answer in answers.values():
            if isinstance(answer, Unavailable):
                raise answer
        return {uid: answer for uid, answer in answers.items() if isinstance(answer, LiveSummary)}

    async def aclose(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start(self, uid: str) -> asyncio.Future[LiveSummary | Unavailable]:
        flight = self._flights[uid] = asyncio.get_running_loop().create_future()
        task = self._spawn(self._fly(uid, flight), name=f"summary of stream {uid}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return flight

    async def _fly(self, uid: str, flight: asyncio.Future[LiveSummary | Unavailable]) -> None:
        try:
            async with self._slots, asyncio.timeout(TIMEOUT):
                flight.set_result(await self._ask(uid))
        except (ProviderError, TimeoutError):
            flight.set_result(Unavailable("The live stream provider does not answer."))
        finally:
            flight.cancel()  # changes nothing once it has its result
            asyncio.get_running_loop().call_later(FRESH_FOR, self._flights.pop, uid, None)

    async def _ask(self, uid: str) -> LiveSummary:
        try:
            phase = (await self._provider.state(uid)).phase
        except InputNotFound:
            return LiveSummary(Phase.OFFLINE, 0)
        return LiveSummary(phase, (await self._viewers.count(uid, self._clock())).value)
