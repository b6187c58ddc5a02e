"""State and viewer count of streams that are not on the status board, for lists of many."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from cachetools import TTLCache

from providers.base import InputNotFound, InputUid, Phase, Provider, ProviderError, Spawn
from providers.concurrency import SingleFlight
from service.clock import Clock
from service.domain.audience.viewer_window import ViewerWindow
from service.domain.entities import LiveSummary
from service.domain.errors import Unavailable
from service.domain.status.stream_status import broadcast_began_ms

_Answer = LiveSummary | Unavailable


@dataclass(frozen=True, slots=True)
class SummaryLimits:
    """Counts, and times in seconds."""

    at_once: int = 10
    """Streams read at the same time."""
    fresh_for: float = 1.0
    """Time for which a summary, or the failure to get one, is served again."""
    max_kept: int = 10_000
    """Summaries kept."""
    timeout: float = 5.0
    """Time for one stream's summary."""


class Summaries:
    """Reads each stream once for all clients that ask at the same time."""

    def __init__(
        self,
        provider: Provider,
        viewers: ViewerWindow,
        spawn: Spawn,
        clock: Clock,
        limits: SummaryLimits | None = None,
    ) -> None:
        self._limits = limits or SummaryLimits()
        self._provider = provider
        self._viewers = viewers
        self._spawn = spawn
        self._clock = clock
        self._kept: TTLCache[InputUid, _Answer] = TTLCache(self._limits.max_kept, self._limits.fresh_for)
        self._flights: SingleFlight[InputUid, _Answer] = SingleFlight()
        self._tasks: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(self._limits.at_once)

    async def of(self, uids: Sequence[InputUid]) -> dict[InputUid, LiveSummary]:
        """Return a summary for each uid.

        Raises:
            Unavailable: The provider or the store did not answer for one of them.
        """
        answers = {uid: kept for uid in uids if (kept := self._kept.get(uid)) is not None}
        missing = [uid for uid in dict.fromkeys(uids) if uid not in answers]
        waiting = iter(missing)
        # A few tasks for many streams: a task for each costs more than most of the answers.
        tasks = [
            self._spawn(self._read_each(waiting, answers), name="stream summaries")
            for _ in range(min(self._limits.at_once, len(missing)))
        ]
        self._tasks.update(tasks)
        for task in tasks:
            task.add_done_callback(self._tasks.discard)
        await asyncio.gather(*tasks)
        summaries = {}
        for uid, answer in answers.items():
            if isinstance(answer, Unavailable):
                raise answer
            summaries[uid] = answer
        return summaries

    async def aclose(self) -> None:
        """Cancel what is being read."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _read_each(self, waiting: Iterator[InputUid], answers: dict[InputUid, _Answer]) -> None:
        """Read one stream after the other until none is left in `waiting`, which several tasks share.

        After a failure the rest fails, too: a list that waits out `timeout` for each stream helps no client.
        """
        for uid in waiting:
            answers[uid] = answer = await self._flights.run(uid, partial(self._read, uid), share=True)
            if isinstance(answer, Unavailable):
                for unread in waiting:
                    answers[unread] = self._kept[unread] = answer

    async def _read(self, uid: InputUid) -> _Answer:
        answer = self._kept.get(uid)  # it may have been read since this list was asked for
        if answer is not None:
            return answer
        try:
            async with self._slots, asyncio.timeout(self._limits.timeout):
                answer = await self._ask(uid)
        except (ProviderError, TimeoutError):
            answer = Unavailable("The live stream provider does not answer.")
        except Unavailable as unavailable:  # the store in which one of our own providers keeps its inputs
            answer = unavailable
        self._kept[uid] = answer
        return answer

    async def _ask(self, uid: InputUid) -> LiveSummary:
        try:
            state = await self._provider.state(uid)
        except InputNotFound:
            return LiveSummary(Phase.OFFLINE, 0, lost=True)
        as_of = state.as_of if state.degraded else None
        if not state.is_watchable:
            return LiveSummary(state.phase, 0, as_of=as_of)  # the same rule as the status board's
        viewers = await self._viewers.count(uid, self._clock.unix_ms(), broadcast_began_ms(state))
        return LiveSummary(state.phase, viewers.value, counted=not viewers.degraded, as_of=as_of)
