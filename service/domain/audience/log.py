"""How many watched, over the last minutes: what the session keeper sees of running streams, for the graph beside the bitrate."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta

from cachetools import LRUCache

SAMPLES_KEPT = 150
"""Samples kept of a stream: five minutes of them, one every two seconds."""

STREAMS_KEPT = 1_000
"""Streams remembered; beyond, the one not seen for the longest time is dropped."""

NEAR = timedelta(seconds=4)
"""A sample further than this from a moment says nothing about it."""


class AudienceLog:
    """The last counts of each stream, in the process."""

    def __init__(self) -> None:
        self._seen: LRUCache[str, deque[tuple[datetime, int]]] = LRUCache(STREAMS_KEPT)

    def note(self, input_uid: str, at: datetime, viewers: int) -> None:
        """So many watch now."""
        samples = self._seen.setdefault(input_uid, deque(maxlen=SAMPLES_KEPT))
        samples.append((at, viewers))

    def at(self, input_uid: str, moments: list[datetime]) -> list[int | None]:
        """How many watched at each of these moments (in order), by the nearest sample; None where there is none near."""
        samples = list(self._seen.get(input_uid, ()))
        found: list[int | None] = []
        next_ = 0
        for moment in moments:
            while next_ + 1 < len(samples) and abs(samples[next_ + 1][0] - moment) <= abs(samples[next_][0] - moment):
                next_ += 1
            near = next_ < len(samples) and abs(samples[next_][0] - moment) <= NEAR
            found.append(samples[next_][1] if near else None)
        return found
