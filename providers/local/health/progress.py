"""The media position of an encoder. The track that is further ahead counts, because either track may pause."""

from __future__ import annotations

APART = 1.0
"""Seconds that a track may lag behind the other before it counts as paused. Less is interleaving."""


class Progress:
    """Two tracks on one timeline. Times in seconds of media."""

    def __init__(self) -> None:
        self._video = self._audio = 0.0

    def add(self, video: float, audio: float, *, jumped: bool) -> float:
        """Advance both tracks and return how far the media advanced. `jumped`: the clock was reset, so both tracks start level."""
        before = max(self._video, self._audio)
        self._video += video
        self._audio += audio
        now = max(self._video, self._audio)
        lowest = now if jumped else now - APART
        self._video, self._audio = max(self._video, lowest), max(self._audio, lowest)
        return now - before
