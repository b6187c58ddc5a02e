"""The connections of aiohttp: their number is limited, and the one idle longest is closed for a new one."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class HeldLimits:
    """Counts, and times in seconds."""

    max_connections: int = 8_000
    """At once. Over the limit, the connection that has been idle longest is closed; where none is idle, the new one is."""
    first_request: float = 10.0
    """Timeout from the start of the connection in aiohttp to the end of its first request head."""
    max_headers: int = 64
    """Header fields of one request."""


class Closable(Protocol):
    """A connection."""

    def force_close(self) -> None:
        """Close it now."""


class HeldConnections:
    """All connections of aiohttp. The idle ones are ordered, longest idle first."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._busy: set[Closable] = set()
        self._idle: OrderedDict[Closable, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._busy) + len(self._idle)

    def enter(self, connection: Closable) -> None:
        """Register a new connection; close another one for it, or the connection itself."""
        if len(self) >= self._limit:
            if not self._idle:
                connection.force_close()
                return
            oldest, _ = self._idle.popitem(last=False)
            oldest.force_close()
        self._idle[connection] = None

    def begin(self, connection: Closable) -> None:
        """Mark the connection as busy with a request."""
        if connection in self._idle:  # it may have ended before its request was handled
            del self._idle[connection]
            self._busy.add(connection)

    def end(self, connection: Closable) -> None:
        """Mark the connection as idle."""
        if connection in self._busy:
            self._busy.discard(connection)
            self._idle[connection] = None

    def leave(self, connection: Closable) -> None:
        """Remove a connection that ended."""
        self._busy.discard(connection)
        self._idle.pop(connection, None)
