"""Broadcasts of nodes that died and do not come back: one of the other nodes ends them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import structlog

from providers.base import InputUid
from providers.local.live.registry import INTERRUPTION_LIMIT
from providers.local.ownership.port import Carried, Claim, Ownership
from providers.local.ports.inputs import InputStore

log = structlog.get_logger(__name__)

ABANDONED_AFTER = INTERRUPTION_LIMIT
"""Seconds that a node must have been dead for others to end its broadcasts, unless their reconnect window is longer. A node that
comes back sooner continues them."""


class AbandonedBroadcasts:
    """Ends broadcasts of dead nodes. `monotonic` is a steady clock, in seconds."""

    def __init__(self, ownership: Ownership, inputs: InputStore, monotonic: Callable[[], float]) -> None:
        self._ownership = ownership
        self._inputs = inputs
        self._monotonic = monotonic
        self._dead_since: dict[Claim, float] = {}
        """When their nodes were first seen dead."""

    async def end(self, rows: Iterable[Carried]) -> list[InputUid]:
        """End the broadcasts that are abandoned by now. Return the inputs of those that this call has ended.

        Args:
            rows: The broadcasts of other nodes as the registry has them now; none if it does not answer, to count from the start.
        """
        now = self._monotonic()
        self._dead_since = {row.claim: self._dead_since.get(row.claim, now) for row in rows if not row.alive}
        ended = []
        for claim, since in self._dead_since.items():
            try:
                if await self._is_over(claim, now - since) and await self._ownership.end(claim):
                    log.warning("broadcast of a dead node ended", input=claim.input_uid)
                    ended.append(claim.input_uid)
            except Exception as problem:  # tried again at the next call
                log.warning("broadcast of a dead node not ended", input=claim.input_uid, problem=type(problem).__name__)
        return ended

    async def _is_over(self, claim: Claim, dead_for: float) -> bool:
        if dead_for < ABANDONED_AFTER:
            return False
        stored = await self._inputs.get(claim.input_uid)
        return stored is None or dead_for >= stored.options.reconnect_timeout
