"""The limits of the fast path."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FastPathLimits:
    """Sizes in bytes, times in seconds."""

    max_head: int = 32_768
    """A request head that is longer, and still not complete, is refused (431). aiohttp's limits for its parts are lower."""
    max_poll_head: int = 8_192
    """A longer complete head goes to aiohttp."""
    head_timeout: float = 10.0
    """Timeout for a whole request to arrive (the first one, from the connection on), and for responses to be read."""
    idle_timeout: float = 75.0
    """Idle timeout between two requests: longer than any poll interval in a response."""
    max_connections: int = 20_000
    """Open connections. Over the limit, the one that has been idle longest is closed for a new one."""
    max_unserved: int = 2_000
    """Connections whose first request has not arrived whole. Over the limit, the oldest is cut, so that silent connections do not
    exclude clients that send their request at once."""
    close_timeout: float = 2.0
    """Time for connections to close at shutdown, before they are aborted."""
    sweep_every: float = 1.0
    """Interval of the checks for late connections."""
