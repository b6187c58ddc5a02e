"""The viewer counts of the last minutes, sampled by the session keeper, for the graph beside the bitrate."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta

from cachetools import LRUCache

from providers.base import InputUid

SAMPLES_KEPT = 150
"""Samples kept per stream: five minutes, one every two seconds."""

STREAMS_KEPT = 1_000
"""Streams kept. Over the limit, the least recently used one is dropped."""

NEAR = timedelta(seconds=4)
"""The largest distance between a time and the sample that stands for it."""


class AudienceLog:
    """The latest counts of each stream, in memory."""

    def __init__(self) -> None:
        self._seen: LRUCache[InputUid, deque[tuple[datetime, int]]] = LRUCache(STREAMS_KEPT)

    def note(self, input_uid: InputUid, at: datetime, viewers: int) -> None:
        """Add a sample.

        Args:
            input_uid: The live input.
            at: When the viewers were counted, later than the sample before.
            viewers: The viewers at that time.
        """
        samples = self._seen.setdefault(input_uid, deque(maxlen=SAMPLES_KEPT))
        samples.append((at, viewers))

    def at(self, input_uid: InputUid, moments: list[datetime]) -> list[int | None]:
        """Return the viewer counts at some times.

        Args:
            input_uid: The live input.
            moments: The times, in ascending order.

        Returns:
            The count at each of these times; None where no sample is within NEAR.
        """
        samples = list(self._seen.get(input_uid, ()))
        found: list[int | None] = []
        next_ = 0
        for moment in moments:
            while next_ + 1 < len(samples) and abs(samples[next_ + 1][0] - moment) <= abs(samples[next_][0] - moment):
                next_ += 1
            near = next_ < len(samples) and abs(samples[next_][0] - moment) <= NEAR
            found.append(samples[next_][1] if near else None)
        return found
