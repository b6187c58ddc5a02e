"""How long audio waits at the beginning of a period, while the video may still come."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

VIDEO_WAIT_MS = 1_000
"""How long while nothing has said whether there will be video."""

ANNOUNCED_VIDEO_WAIT_MS = 5_000
"""How long while announced video has not brought its first keyframe."""

_VIDEO_PROPERTIES = (b"\0\x0cvideocodecid", b"\0\x05width")
"""Names in onMetaData, as AMF writes them, that announce video."""


class Sound(NamedTuple):
    """A frame of audio that waits: its time in ms, and when it arrived (Unix seconds)."""

    time: int
    arrived: float
    payload: memoryview


MAX_SOUNDS, MAX_SOUND_BYTES = 1_000, 4 * 1024 * 1024
"""Frames of audio that wait, and their bytes; beyond, the oldest wait no more."""


class Sounds:
    """Audio that waits for the video, in the order in which it came."""

    def __init__(self) -> None:
        self._sounds: deque[Sound] = deque()
        self._size = 0

    def append(self, sound: Sound) -> None:
        """The newest one."""
        self._sounds.append(sound)
        self._size += len(sound.payload)

    def popleft(self) -> Sound:
        """Take the oldest one out."""
        sound = self._sounds.popleft()
        self._size -= len(sound.payload)
        return sound

    @property
    def first(self) -> Sound | None:
        """The oldest one."""
        return self._sounds[0] if self._sounds else None

    @property
    def full(self) -> bool:
        """Whether the oldest one has to go."""
        return len(self._sounds) > MAX_SOUNDS or self._size > MAX_SOUND_BYTES

    def clear(self) -> None:
        """Forget them."""
        self._sounds.clear()
        self._size = 0


class VideoWait:
    """The wait of one stream's sound for its picture, by the encoder's clock: times in ms.

    It begins with the first sound of a period and is measured from there. What was announced stays announced.
    """

    def __init__(self) -> None:
        self._announced: bool | None = None
        self._since: int | None = None

    def read(self, script: bytes) -> None:
        """Take the payload of a script tag, which may be the metadata."""
        # Only the presence of the name matters, and only for how long sound waits, so AMF is not parsed here.
        if b"onMetaData" in script:
            self._announced = any(name in script for name in _VIDEO_PROPERTIES)

    def lasts(self, time: int, has_header: bool) -> bool:
        """Whether audio of that time waits. `has_header`: of the video, which announces it, too."""
        if self._since is None:
            self._since = time
        if has_header or self._announced:
            return time - self._since < ANNOUNCED_VIDEO_WAIT_MS
        return self._announced is None and time - self._since < VIDEO_WAIT_MS

    def begin_anew(self) -> None:
        """The period is over; the next one's sound waits again."""
        self._since = None
