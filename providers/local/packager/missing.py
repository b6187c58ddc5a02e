"""How many segments one track lacks of the other. The storage fills them when the track joins (`TrackInit.missing`)."""

from __future__ import annotations

from providers.local.packager.track import TrackWriter

MAX_MISSING = 43_200
"""The most segments that are filled: a day of 2 s each. Earlier media stays without the track that joins."""


class MissingSegments:
    """Counts the segments that the other track has ended since a track's last period."""

    def __init__(self, other: TrackWriter, before: int) -> None:
        """Begin with `before` segments of earlier connections."""
        self._other, self._before, self._since = other, before, other.ended

    @property
    def count(self) -> int:
        """The number of segments to fill if the track joins now."""
        return min(self._before + self._other.ended - self._since, MAX_MISSING)

    def restart(self) -> None:
        """Count from here: both tracks end a period together."""
        self._before, self._since = 0, self._other.ended
