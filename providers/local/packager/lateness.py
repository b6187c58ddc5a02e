"""How long a track is waited for when the other one is ahead of it, and how far apart both may be."""

from __future__ import annotations

from providers.local.packager.timeline import MAX_LATE_MS

PATIENCE_MS, PATIENCE_LOW_LATENCY_MS = 2_500, 1_000
"""How long a track that was on time may be missing until it is taken to have paused; players have less in store in low latency."""

MARGIN_MS = 500
"""How much later than before a track that is always late may come."""


MAX_AHEAD_MS = 1_000
"""How far audio may be ahead of the video before it waits for it, so that both are cut at the same moments."""

HEADER_WAIT_MS = 1_000
"""How long announced audio may be without its sequence header before silence stands in for it."""

MAX_END_GAP_MS = 25
"""How much earlier than the audio, which ends with a whole frame, the last picture may be gone."""

CATCH_UP_MS = 100
"""How much less than what is missing silence makes up, so that audio which comes back at that moment is not late for it."""


class Lateness:
    """One track's delay behind the other at its arrival, in ms of media.

    Before anything of the track has come it is waited for as long as any track. `worst` is how late it has come so far, up to
    MAX_LATE_MS; `too_late` how late it came last, if that is more.
    """

    def __init__(self, *, low_latency: bool) -> None:
        self._usual = PATIENCE_LOW_LATENCY_MS if low_latency else PATIENCE_MS
        self._known = False
        self.patience = MAX_LATE_MS
        self.worst = self.too_late = 0
        self.paused = False

    def came(self, late: int) -> None:
        """Something of the track came so many ms behind the other; negative: ahead of it."""
        self.paused = False
        if self._known and late <= self.worst:
            self.too_late = 0
            return
        self.too_late = late if late > MAX_LATE_MS else 0
        self._learn(min(max(late, 0), MAX_LATE_MS))

    def is_missing(self, behind: int) -> bool:
        """Whether a track that is so many ms behind by now has paused."""
        if behind > self.patience:
            self.paused = True
            self._learn(self.worst)
        return self.paused

    def _learn(self, worst: int) -> None:
        self._known = True
        self.worst = worst
        self.patience = min(max(self._usual, worst + MARGIN_MS), MAX_LATE_MS)
