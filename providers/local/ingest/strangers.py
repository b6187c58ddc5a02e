"""Connections that ended without a publish, for the log: a summary now and then instead of a line each.

On a public port they are scanners and half-made handshakes by the thousand. A single failed encoder is in the summary, too.
"""

from __future__ import annotations

from collections import Counter

import structlog

log = structlog.get_logger(__name__)

MAX_NETWORKS = 1_000
"""Networks counted one by one between two summaries."""

NAMED = 3
"""The networks that a summary names: those with the most."""


class Strangers:
    """Counts them between two summaries. Times in seconds."""

    def __init__(self, interval: float, now: float) -> None:
        self._interval = interval
        self._due = now + interval
        self._reasons: Counter[str] = Counter()
        self._networks: Counter[str] = Counter()

    def count(self, reason: str, network: str) -> None:
        """A connection of this network ended. `reason` is one of few words."""
        self._reasons[reason] += 1
        if network in self._networks or len(self._networks) < MAX_NETWORKS:
            self._networks[network] += 1

    def summarize(self, now: float) -> None:
        """Log what was counted, once the interval has passed."""
        if now < self._due:
            return
        self._due = now + self._interval
        if self._reasons:
            most = dict(self._networks.most_common(NAMED))
            log.info("connections ended without a publish", reasons=dict(self._reasons), most=most)
            self._reasons.clear()
            self._networks.clear()
