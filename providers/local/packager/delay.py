"""How long a track is waited for while the other one is ahead, and how far apart both may be."""

from __future__ import annotations

from providers.local.packager.timeline import MAX_LATE_MS

PAUSED_AFTER_MS, PAUSED_AFTER_LOW_LATENCY_MS = 2_500, 1_000
"""How long a track that was on time may be missing before it counts as paused; players buffer less in low latency."""

MARGIN_MS = 500
"""How much later than before a track that is always late may arrive."""


MAX_AHEAD_MS = 1_000
"""How far audio may be ahead of the video before it waits, so that both are cut at the same times."""

HEADER_WAIT_MS = 1_000
"""How long announced audio may lack its sequence header before silence fills the track."""

MAX_END_GAP_MS = 25
"""How much earlier than the audio, which ends with a whole frame, the last video frame may end."""

CATCH_UP_MS = 100
"""How much of a gap silence leaves open, so that audio that returns at that moment is not late."""


class TrackDelay:
    """The delay of one track behind the other on arrival, in ms of media.

    Before its first tag, a track is waited for up to MAX_LATE_MS. `worst` is the largest delay so far, up to MAX_LATE_MS.
    `too_late` is the last delay if it is over MAX_LATE_MS, else 0.
    """

    def __init__(self, *, low_latency: bool) -> None:
        self._usual = PAUSED_AFTER_LOW_LATENCY_MS if low_latency else PAUSED_AFTER_MS
        self._known = False
        self.wait = MAX_LATE_MS
        self.worst = self.too_late = 0
        self.paused = False

    def record(self, late: int) -> None:
        """Record a tag that arrived `late` ms behind the other track; negative: ahead of it."""
        self.paused = False
        if self._known and late <= self.worst:
            self.too_late = 0
            return
        self.too_late = late if late > MAX_LATE_MS else 0
        self._learn(min(max(late, 0), MAX_LATE_MS))

    def is_missing(self, behind: int) -> bool:
        """Return whether a track that is `behind` ms behind now has paused."""
        if behind > self.wait:
            self.paused = True
            # After a pause the track is waited for no longer than before it.
            self._learn(self.worst)
        return self.paused

    def _learn(self, worst: int) -> None:
        self._known = True
        self.worst = worst
        self.wait = min(max(self._usual, worst + MARGIN_MS), MAX_LATE_MS)
