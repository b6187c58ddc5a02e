"""When a connection has to end: each state of its RTMP session has a limit of time."""

from __future__ import annotations

from providers.local.ingest.limits import IngestLimits
from providers.local.rtmp.states import ConnectionState

TIME_LIMITS = {
    ConnectionState.HANDSHAKING: "handshake_timeout",
    ConnectionState.CONNECTING: "publish_timeout",
    ConnectionState.IDLE: "publish_timeout",
    ConnectionState.DECIDING: "idle_timeout",  # never reached: `admit_timeout` is shorter
    ConnectionState.PUBLISHING: "idle_timeout",
    ConnectionState.CLOSED: "linger_timeout",
}
"""The IngestLimits that end a connection, by state. The time continues from state to state under the same limit."""

_LAST = "linger_timeout"


class Deadline:
    """The deadline of one connection. Times are in seconds of the event loop's clock."""

    def __init__(self, limits: IngestLimits, now: float) -> None:
        self._limits = limits
        self._restart(TIME_LIMITS[ConnectionState.HANDSHAKING], now)

    def connected(self, now: float) -> None:
        """Restart: over TLS, the RTMP handshake begins only now."""
        self._restart(TIME_LIMITS[ConnectionState.HANDSHAKING], now)

    def follow(self, state: ConnectionState, now: float, *, alive: bool) -> None:
        """Restart if the state has another limit, or if an encoder that publishes is `alive`: bytes came in."""
        limit = TIME_LIMITS[state]
        if self._limit != _LAST and (limit != self._limit or alive):
            self._restart(limit, now)

    def linger(self, now: float) -> None:
        """Give the encoder the last time to close. No state restarts it."""
        self._restart(_LAST, now)

    def passed(self, now: float) -> bool:
        """Return whether the connection has to end."""
        return now >= self._at

    def _restart(self, limit: str, now: float) -> None:
        self._limit = limit
        self._at = now + float(getattr(self._limits, limit))
