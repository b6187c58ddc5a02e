"""How much sound is let go at the beginning of a generation, while the picture may still come."""

from __future__ import annotations

VIDEO_WAIT_MS = 1_000
"""How much while nobody has said whether there will be video."""

ANNOUNCED_VIDEO_WAIT_MS = 5_000
"""How much while announced video has not brought its first keyframe."""

_VIDEO_PROPERTIES = (b"\0\x0cvideocodecid", b"\0\x05width")
"""Names in onMetaData, as AMF writes them, that announce video."""


class VideoWait:
    """The wait of one stream's sound for its picture, by the encoder's clock: times in ms.

    It begins with the first sound of a generation and is measured from there. What was announced stays announced.
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
        """Whether sound of that time is let go. `has_header`: of the video, which announces it, too."""
        if self._since is None:
            self._since = time
        if has_header or self._announced:
            return time - self._since < ANNOUNCED_VIDEO_WAIT_MS
        return self._announced is None and time - self._since < VIDEO_WAIT_MS

    def give_up(self, time: int) -> None:
        """Sound of that time, and later, waits no more."""
        self._since = time - ANNOUNCED_VIDEO_WAIT_MS

    def begin_anew(self) -> None:
        """The generation is over; the next one's sound waits again."""
        self._since = None
