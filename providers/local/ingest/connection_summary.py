"""The log's summary of connections that ended without a publish: one line per interval instead of one per connection.

On a public port these are mostly port scanners and unfinished handshakes. A single failed encoder is in the summary, too.
"""

from __future__ import annotations

from collections import Counter

import structlog

log = structlog.get_logger(__name__)

MAX_NETWORKS = 1_000
"""The most networks counted between two summaries."""

NAMED = 3
"""How many networks a summary names: those with the most connections."""


class ConnectionSummary:
    """Counts connections that ended without a publish. Times are in seconds of the monotonic clock."""

    def __init__(self, interval: float, now: float) -> None:
        self._interval = interval
        self._due = now + interval
        self._reasons: Counter[str] = Counter()
        self._networks: Counter[str] = Counter()

    def count(self, reason: str, network: str) -> None:
        """Count a connection of this network. `reason` is one of a small set of words."""
        self._reasons[reason] += 1
        if network in self._networks or len(self._networks) < MAX_NETWORKS:
            self._networks[network] += 1

    def summarize(self, now: float) -> None:
        """Log the counts if the interval has passed, and reset them."""
        if now < self._due:
            return
        self._due = now + self._interval
        if self._reasons:
            most = dict(self._networks.most_common(NAMED))
            log.info("connections ended without a publish", reasons=dict(self._reasons), most=most)
            self._reasons.clear()
            self._networks.clear()
