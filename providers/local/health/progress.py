"""How far the media of an encoder has come: the track that is further counts, since either may pause while the other goes on."""

from __future__ import annotations

APART = 1.0
"""Seconds a track may be behind the other before it counts as paused. Less is interleaving."""


class Progress:
    """Two tracks on one time line. Times in seconds of the media."""

    def __init__(self) -> None:
        self._video = self._audio = 0.0

    def add(self, video: float, audio: float, *, jumped: bool) -> float:
        """Both tracks went on so far; return how far the media did. `jumped`: the encoder's clock was set, both begin level."""
        before = max(self._video, self._audio)
        self._video += video
        self._audio += audio
        now = max(self._video, self._audio)
        lowest = now if jumped else now - APART
        self._video, self._audio = max(self._video, lowest), max(self._audio, lowest)
        return now - before
