"""State and viewer count of streams nobody watches at the moment, for lists of many."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence

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


_Flight = asyncio.Future[LiveSummary | Unavailable]


class Summaries:
    """Asks once for each stream, whoever wants to know meanwhile."""

    def __init__(self, provider: Provider, viewers: ViewerWindow, spawn: Spawn, clock: Callable[[], int]) -> None:
        self._provider = provider
        self._viewers = viewers
        self._spawn = spawn
        self._clock = clock
        self._flights: dict[str, _Flight] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def of(self, uids: Sequence[str]) -> dict[str, LiveSummary]:
        """Errors: Unavailable."""
        loop = asyncio.get_running_loop()
        new = [uid for uid in dict.fromkeys(uids) if uid not in self._flights]
        self._flights |= {uid: loop.create_future() for uid in new}
        flights = {uid: self._flights[uid] for uid in uids}
        waiting = iter(new)
        for _ in range(min(AT_ONCE, len(new))):
            # A few tasks for many streams: a task for each costs more than most of the answers.
            task = self._spawn(self._work(waiting), name="stream summaries")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if pending := [flight for flight in flights.values() if not flight.done()]:
            await asyncio.wait(pending)
        answers = {uid: flight.result() for uid, flight in flights.items()}
        for answer in answers.values():
            if isinstance(answer, Unavailable):
                raise answer
        return {uid: answer for uid, answer in answers.items() if isinstance(answer, LiveSummary)}

    async def aclose(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for flight in self._flights.values():
            flight.cancel()  # changes nothing for one that has its result

    async def _work(self, waiting: Iterator[str]) -> None:
        """Ask about one after the other, until none is left for anybody who shares `waiting`.

        After one who got no answer nobody else of them is asked about: a list that waits out its TIMEOUT for each helps nobody.
        """
        try:
            for uid in waiting:
                answer = await self._fly(uid, self._flights[uid])
                if isinstance(answer, Unavailable):
                    for unasked in waiting:
                        self._land(unasked, self._flights[unasked], answer)
        finally:
            for uid in waiting:  # only after a failure
                self._flights.pop(uid).cancel()

    async def _fly(self, uid: str, flight: _Flight) -> LiveSummary | Unavailable:
        answer: LiveSummary | Unavailable | None = None
        try:
            async with self._slots, asyncio.timeout(TIMEOUT):
                answer = await self._ask(uid)
        except (ProviderError, TimeoutError):
            answer = Unavailable("The live stream provider does not answer.")
        except Unavailable as away:  # the store a provider of ours keeps its inputs in
            answer = away
        finally:
            self._land(uid, flight, answer)
        return answer

    def _land(self, uid: str, flight: _Flight, answer: LiveSummary | Unavailable | None) -> None:
        """None: there will be no answer."""
        if answer is None or flight.done():
            flight.cancel()
        else:
            flight.set_result(answer)
        asyncio.get_running_loop().call_later(FRESH_FOR, self._flights.pop, uid, None)

    async def _ask(self, uid: str) -> LiveSummary:
        try:
            state = await self._provider.state(uid)
        except InputNotFound:
            return LiveSummary(Phase.OFFLINE, 0, lost=True)
        if not state.is_watchable:
            return LiveSummary(state.phase, 0)  # as the status board does
        viewers = await self._viewers.count(uid, self._clock())
        return LiveSummary(state.phase, viewers.value, counted=not viewers.degraded)
