"""How long audio waits at the start of a period while video may still arrive."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

VIDEO_WAIT_MS = 1_000
"""How long audio waits while it is unknown whether there will be video."""

ANNOUNCED_VIDEO_WAIT_MS = 5_000
"""How long audio waits for the first keyframe of announced video."""

_VIDEO_PROPERTIES = (b"\0\x0cvideocodecid", b"\0\x05width")
"""Property names in onMetaData, as encoded in AMF0, that announce video."""


class QueuedAudio(NamedTuple):
    """An audio frame that waits: its time in ms, and its arrival in Unix seconds."""

    time: int
    arrived: float
    payload: memoryview


MAX_QUEUED, MAX_QUEUED_BYTES = 1_000, 4 * 1024 * 1024
"""The most audio frames that wait, and their bytes. Over the limit the oldest ones are released."""


class AudioQueue:
    """Audio that waits for the video, in order of arrival."""

    def __init__(self) -> None:
        self._frames: deque[QueuedAudio] = deque()
        self._size = 0

    def append(self, frame: QueuedAudio) -> None:
        """Add the newest frame."""
        self._frames.append(frame)
        self._size += len(frame.payload)

    def popleft(self) -> QueuedAudio:
        """Remove and return the oldest frame."""
        frame = self._frames.popleft()
        self._size -= len(frame.payload)
        return frame

    @property
    def first(self) -> QueuedAudio | None:
        """The oldest frame."""
        return self._frames[0] if self._frames else None

    @property
    def full(self) -> bool:
        """Whether the oldest frame has to be released."""
        return len(self._frames) > MAX_QUEUED or self._size > MAX_QUEUED_BYTES

    def clear(self) -> None:
        """Drop all frames."""
        self._frames.clear()
        self._size = 0


class VideoWait:
    """Decides how long audio waits for video, by the encoder's clock; times in ms.

    The wait starts with the first audio of a period. An announcement holds for all periods.
    """

    def __init__(self) -> None:
        self._announced: bool | None = None
        self._since: int | None = None

    def read(self, script: bytes) -> None:
        """Read a script tag's payload, which may be metadata."""
        # AMF is not parsed here: the presence of the name is enough to choose the wait.
        if b"onMetaData" in script:
            self._announced = any(name in script for name in _VIDEO_PROPERTIES)

    def lasts(self, time: int, has_header: bool) -> bool:
        """Return whether audio of that time waits. `has_header`: the video header has arrived, which also announces video."""
        if self._since is None:
            self._since = time
        # The header of the video is itself an announcement.
        if has_header or self._announced:
            return time - self._since < ANNOUNCED_VIDEO_WAIT_MS
        return self._announced is None and time - self._since < VIDEO_WAIT_MS

    def restart(self) -> None:
        """End the period: the audio of the next one waits again."""
        self._since = None
