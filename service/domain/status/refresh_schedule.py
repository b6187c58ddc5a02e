"""When channels are looked at: in the same moment, so that their counts take one trip to Redis.

A trip costs far more than a look. A crowd takes turns in groups: all of it at once would hold up whoever polls meanwhile.
"""

from __future__ import annotations

from collections.abc import Hashable


class RefreshSchedule:
    """Each channel is due `every` so many seconds, with about `together` others. `began`: where the clock stands, in seconds."""

    def __init__(self, every: float, together: int, began: float) -> None:
        self._every = every
        self._together = together
        self._began = began

    def next(self, channel: Hashable, *, among: int, now: float) -> float:
        """When the channel, one `among` so many, is due after `now`; `every` seconds later at most."""
        groups = 1 + among // self._together
        first = self._began + self._every * (hash(channel) % groups) / groups
        return first + self._every * ((now - first) // self._every + 1)
