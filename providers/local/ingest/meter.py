"""How much comes in on one socket: the bitrate ceiling, and how often the kernel wakes us."""

from __future__ import annotations

import socket
from contextlib import suppress

from providers.local.ingest.limits import IngestCounters, IngestLimits

MAX_WAKE_BYTES = 64 * 1024
"""The most the kernel collects, so that it stays well below a socket's receive buffer."""


class Meter:
    """Whoever reads adds to `bytes_in`; `check` is called now and then. `now` is in seconds of any steady clock.

    The kernel collects some of a publisher's media before it wakes us (SO_RCVLOWAT): the fewer turns of the loop, the cheaper a
    stream. One that slows down waits for the next `check` at most.
    """

    def __init__(self, client: socket.socket, limits: IngestLimits, counters: IngestCounters, now: float) -> None:
        self.bytes_in = 0
        self._socket = client
        self._limits = limits
        self._counters = counters
        self._checked = now
        self._counted = 0
        self._bits_over = 0.0
        self._wake_size = 1

    def count(self) -> int:
        """Bytes since the last time, added to the ingest's counters."""
        fresh = self.bytes_in - self._counted
        self._counted = self.bytes_in
        self._counters.bytes_in += fresh
        return fresh

    def check(self, now: float, *, collect: float | None) -> tuple[int, bool]:
        """Bytes since the last check, and whether a publisher is above the bitrate ceiling.

        `collect`: seconds of media the kernel collects of a publisher; None when nobody publishes.
        """
        fresh, elapsed = self.count(), now - self._checked
        self._checked = now
        if collect is None or elapsed <= 0:
            self._wake_after(1)
            return fresh, False
        self._wake_after(int(fresh / elapsed * collect))
        return fresh, self._too_fast(fresh * 8, elapsed)

    def _too_fast(self, bits: int, elapsed: float) -> bool:
        """A bucket that leaks at the allowed rate and holds what it lets through in `bitrate_window`."""
        ceiling = self._limits.bitrate
        self._bits_over = max(0.0, self._bits_over + bits - elapsed * ceiling)
        return self._bits_over > ceiling * self._limits.bitrate_window

    def _wake_after(self, size: int) -> None:
        """Have the kernel wake us once this many bytes are here, or the encoder has hung up."""
        size = max(1, min(size, MAX_WAKE_BYTES))
        if size != self._wake_size:
            self._wake_size = size
            with suppress(OSError):  # a closed socket, or a system without it: then we are woken as ever
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, size)
