"""What nodes send each other of the broadcasts that they carry: states and changes. A message may be lost; a twin in memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from typing import Protocol

from providers.base import InputUid

EXPIRES_AFTER = 5.0
"""Seconds after which a state that its owner has not published again counts for nothing."""

ExchangeListener = Callable[[InputUid, str | None], None]
"""Called with an input and the state that another node has published, "" when it has ended; None: the input itself was changed.
Must return at once and must not raise."""


class Exchange(Protocol):
    """Carries states from the node that owns a broadcast to the others."""

    def publish(self, input_uid: InputUid, state: str) -> None:
        """Send the state to the other nodes, and keep it for EXPIRES_AFTER; "" removes it. Return at once; never raise."""

    def changed(self, input_uid: InputUid) -> None:
        """Tell the other nodes that the input was changed or deleted in the store. Return at once; never raise."""

    async def states(self, input_uids: Collection[InputUid]) -> dict[InputUid, str]:
        """Return the states of these inputs that have not expired; what cannot be read is not in it."""

    def listen(self, listener: ExchangeListener) -> None:
        """Call `listener` from now on with what other nodes send."""


class NoExchange:
    """For a process that is the only node."""

    def publish(self, input_uid: InputUid, state: str) -> None:
        pass

    def changed(self, input_uid: InputUid) -> None:
        pass

    async def states(self, input_uids: Collection[InputUid]) -> dict[InputUid, str]:
        return {}

    def listen(self, listener: ExchangeListener) -> None:
        pass


class MemoryExchange:
    """The in-memory twin: the nodes of one process. `node` makes an end for another node of it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._states: dict[InputUid, tuple[str, float]] = {}
        self._ends: list[MemoryExchange] = [self]
        self._listeners: list[ExchangeListener] = []

    def node(self) -> MemoryExchange:
        """Return the end of another node."""
        other = MemoryExchange(self._clock)
        other._states, other._ends = self._states, self._ends
        self._ends.append(other)
        return other

    def publish(self, input_uid: InputUid, state: str) -> None:
        self._states[input_uid] = (state, self._clock() + EXPIRES_AFTER)
        self._send(input_uid, state)

    def changed(self, input_uid: InputUid) -> None:
        self._send(input_uid, None)

    async def states(self, input_uids: Collection[InputUid]) -> dict[InputUid, str]:
        now = self._clock()
        found = {uid: self._states[uid] for uid in input_uids if uid in self._states}
        return {uid: state for uid, (state, until) in found.items() if state and now < until}

    def listen(self, listener: ExchangeListener) -> None:
        self._listeners.append(listener)

    def _send(self, input_uid: InputUid, state: str | None) -> None:
        for end in self._ends:
            if end is not self:
                for listener in end._listeners:
                    listener(input_uid, state)
