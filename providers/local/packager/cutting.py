"""When a segment ends (RFC 8216 4.3.3.1: no EXTINF, rounded, may exceed the target duration)."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

MIN_TARGET_DURATION = 2
"""Whole seconds: the shortest EXT-X-TARGETDURATION we announce."""

ROUNDING_ROOM = 0.49
"""Seconds a segment may be longer than the target duration: its EXTINF still rounds down to it."""

NEARLY = 0.05
"""Seconds a first segment may be longer than a whole number without raising the target duration."""

MAX_FIRST_SEGMENT = 12.0
"""Seconds after which the first segment ends without a keyframe; OBS left alone sends one every 8.33 or 10.4 s."""

PART_TARGET = 1.0
PART_TARGET_LOW_LATENCY = 0.334
MIN_PART_SHARE = 0.85
"""RFC 8216bis 4.4.4.9: a part is at least this share of the target, but for those before a keyframe or a segment's end."""

AUDIO_SEGMENT = 2.0
"""Seconds of a segment when there is no video and no target."""


@dataclass(frozen=True, slots=True)
class PackagerSettings:
    """How a stream is cut, in seconds.

    `segment_target` 0 ends a segment at every keyframe. `max_segment` bounds the first segment; those after it are bounded by
    the target duration.
    """

    segment_target: float = 2.0
    part_target: float = PART_TARGET
    max_segment: float = MAX_FIRST_SEGMENT


class SegmentRule:
    """Says when the open segment ends. `target_duration` is 0 until the first segment of the broadcast fixed it."""

    def __init__(self, settings: PackagerSettings, target_duration: int = 0) -> None:
        self._settings = settings
        self.target_duration = target_duration

    @property
    def longest(self) -> float:
        """Seconds no segment may pass, keyframe or not."""
        return self.target_duration + ROUNDING_ROOM if self.target_duration else self._settings.max_segment

    @property
    def audio_only(self) -> float:
        """Seconds of a segment when nothing but time says where to cut."""
        return min(self._settings.segment_target or AUDIO_SEGMENT, self.longest)

    def ends_at_keyframe(self, elapsed: float, interval: float) -> bool:
        """Whether a segment `elapsed` seconds long ends at this keyframe, the next one being expected in `interval` seconds.

        The first segment does: the sooner it is out, the sooner the stream can be watched. Later ones end at the keyframe
        nearest to the target, or where waiting for the next would make them too long.
        """
        if not self.target_duration:
            return True
        return elapsed + interval / 2 > self._settings.segment_target or elapsed + interval > self.longest

    def ended(self, duration: float) -> None:
        """A segment of `duration` seconds is out; the first fixes the target duration for the whole broadcast."""
        if not self.target_duration:
            longest = max(duration - NEARLY, self._settings.segment_target)
            self.target_duration = max(MIN_TARGET_DURATION, ceil(longest))
