"""Measures what arrives on one socket: for the limits on rates, and for how often the kernel wakes us."""

from __future__ import annotations

import socket
from contextlib import suppress

from providers.concurrency import TokenBucket
from providers.local.ingest.limits import IngestCounters, IngestLimits

MAX_WAKE_BYTES = 64 * 1024
"""The most bytes the kernel buffers before it wakes us, well below a socket's receive buffer."""


class Meter:
    """The reader adds to `bytes_in` and `messages` and calls `check` regularly. `now` is in seconds of any steady clock.

    After `check`, `too_many_messages` says whether the publisher is above the limit of messages.

    The kernel buffers some of a publisher's media before it wakes us (SO_RCVLOWAT, socket(7)): fewer wake-ups make a stream
    cheaper. The bytes of a stream that slows down wait for the next `check` at most.
    """

    def __init__(self, client: socket.socket, limits: IngestLimits, counters: IngestCounters, now: float) -> None:
        self.bytes_in = self.messages = 0
        self.too_many_messages = False
        self._socket = client
        self._limits = limits
        self._counters = counters
        self._checked = now
        self._counted = 0
        self._bits_over = 0.0
        self._message_bucket = TokenBucket(limits.message_rate * limits.bitrate_window, limits.message_rate, now)
        self._wake_size = 1

    def count(self) -> int:
        """Return the bytes since the last call, and add them to the ingest's counters."""
        fresh = self.bytes_in - self._counted
        self._counted = self.bytes_in
        self._counters.bytes_in += fresh
        return fresh

    def check(self, now: float, *, collect: float | None) -> tuple[int, bool]:
        """Check the rate of one connection.

        Args:
            now: The time, in seconds.
            collect: Seconds of media that the kernel buffers; None when the connection does not publish.

        Returns:
            The bytes since the last check, and whether the publisher is above the bitrate limit.
        """
        fresh, elapsed = self.count(), now - self._checked
        self._checked = now
        bucket = self._message_bucket
        bucket.fill(now)
        bucket.tokens -= self.messages
        self.messages = 0
        self.too_many_messages = bucket.tokens < 0
        # Two checks in one moment have no rate.
        if collect is None or elapsed <= 0:
            self._wake_after(1)
            return fresh, False
        self._wake_after(int(fresh / elapsed * collect))
        return fresh, self._too_fast(fresh * 8, elapsed)

    def _too_fast(self, bits: int, elapsed: float) -> bool:
        """Apply a leaky bucket: it leaks at the allowed rate and holds what may pass in `bitrate_window`."""
        ceiling = self._limits.bitrate
        # Not below zero: a pause earns nothing for later.
        self._bits_over = max(0.0, self._bits_over + bits - elapsed * ceiling)
        return self._bits_over > ceiling * self._limits.bitrate_window

    def _wake_after(self, size: int) -> None:
        """Make the kernel wake us once this many bytes have arrived, or the encoder has closed."""
        # The kernel reads 0 as 1.
        size = max(1, min(size, MAX_WAKE_BYTES))
        if size != self._wake_size:
            self._wake_size = size
            with suppress(OSError):  # a closed socket, or a system without the option: we are woken for every packet
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, size)
