"""The bus that wakes the readers of the event log (`domain.events.ports.EventBus`), in the memory of one process."""

from __future__ import annotations

from uuid import UUID

from service.domain.events.ports import CommitListener


class MemoryBus:
    """For one node, and for tests. It loses nothing."""

    def __init__(self) -> None:
        self._listeners: list[CommitListener] = []

    def publish(self, organization_id: UUID, last_id: int) -> None:
        for listener in self._listeners:
            listener(organization_id, last_id)

    def listen(self, listener: CommitListener) -> None:
        self._listeners.append(listener)

    async def aclose(self) -> None:
        """Remove all listeners. Safe to call twice."""
        self._listeners.clear()
