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
    """For a request to arrive whole, the first one from the moment of connecting, and for answers to be read."""
    idle_timeout: float = 75.0
    """Between two requests: longer than any poll interval in a response."""
    max_connections: int = 20_000
    """Open connections. Over the limit, the one that has been idle longest is closed for a new one."""
    max_unserved: int = 2_000
    """Connections whose first request has not arrived whole. Over the limit, the oldest is cut, so that silent connections do not
    exclude clients that send their request at once."""
    close_timeout: float = 2.0
    """For connections to end at a stop, before they are cut."""
    sweep_every: float = 1.0
    """Between two checks for late connections."""
