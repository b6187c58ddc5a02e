"""Refresh schedule. Channels are refreshed in batches so that their counts share one Redis round trip.

A round trip costs far more than a refresh. Many channels are split into groups: refreshing all at once would delay polls.
"""

from __future__ import annotations

from collections.abc import Hashable


class RefreshSchedule:
    """Each channel is due every `every` seconds, with about `together` others. `began`: the time of the clock, in seconds."""

    def __init__(self, every: float, together: int, began: float) -> None:
        self._every = every
        self._together = together
        self._began = began

    def next(self, channel: Hashable, *, among: int, now: float) -> float:
        """Return when the channel, one of `among`, is due after `now`; `every` seconds later at most."""
        groups = 1 + among // self._together
        first = self._began + self._every * (hash(channel) % groups) / groups
        return first + self._every * ((now - first) // self._every + 1)
