"""Decides when a segment ends and how long its parts are.

RFC 8216 4.3.3.1: no EXTINF, rounded, exceeds the target duration. RFC 8216bis 4.4.4.9: no part is longer than the part target,
and none is much shorter.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil

MIN_TARGET_DURATION = 2
"""The smallest EXT-X-TARGETDURATION in whole seconds."""

ROUNDING_ROOM = 0.49
"""Seconds by which a segment may exceed the target duration, since its EXTINF still rounds down to it."""

NEARLY = 0.05
"""Seconds by which a first segment may exceed a whole number without raising the target duration."""

MAX_FIRST_SEGMENT = 12.0
"""Seconds after which the first segment ends without a keyframe. OBS by default sends one every 8.33 or 10.4 s."""

PART_TARGET = 1.0
PART_TARGET_REDUCED_LATENCY = 0.684
PART_TARGET_LOW_LATENCY = 0.334
MIN_PART_SHARE = 0.85
"""The shortest part as a share of the target, except before a keyframe or at a segment's end (RFC 8216bis 4.4.4.9)."""

MAX_PART_TARGET = 2.0
"""The longest part target in seconds; video with a lower frame rate has no parts."""

_PART_STEP = 0.02
_JITTER = 0.02
"""The share by which a few frames together may differ from the average and still make a part."""

AUDIO_SEGMENT = 2.0
"""The duration of a segment in seconds without video and without a target."""


@dataclass(frozen=True, slots=True)
class PackagerSettings:
    """How a stream is cut, in seconds.

    Attributes:
        segment_target: The wanted duration of segments; 0 ends a segment at every keyframe.
        part_target: The wanted duration of parts.
        max_segment: The longest first segment. Later ones are limited by the target duration.
        low_latency: Players buffer little, so a paused track is filled soon.
        lone_pause: How long the only track of a stream may pause within one period.
    """

    segment_target: float = 2.0
    part_target: float = PART_TARGET
    max_segment: float = MAX_FIRST_SEGMENT
    low_latency: bool = False
    lone_pause: float = 0.0


class SegmentRule:
    """Decides when the open segment ends.

    The first segment of the broadcast fixes both targets. Before that `target_duration` is 0 and `part_target` is the wanted one.
    """

    def __init__(self, settings: PackagerSettings, target_duration: int = 0, part_target: float = 0.0) -> None:
        self._settings = settings
        self.target_duration = target_duration
        self.part_target = part_target or settings.part_target
        self._listeners: list[Callable[[], None]] = []

    def when_fixed(self, listener: Callable[[], None]) -> None:
        """Call `listener` once the targets are fixed."""
        self._listeners.append(listener)

    @property
    def longest(self) -> float:
        """The longest segment in seconds, with or without a keyframe."""
        return self.target_duration + ROUNDING_ROOM if self.target_duration else self._settings.max_segment

    @property
    def audio_only(self) -> float:
        """The duration in seconds of segments without video."""
        return min(self._settings.segment_target or AUDIO_SEGMENT, self.longest)

    def ends_at_keyframe(self, elapsed: float, interval: float) -> bool:
        """Return whether a segment of `elapsed` seconds ends at this keyframe if the next one is expected in `interval` seconds.

        The first segment always does, so that the stream can be watched early. Later segments end at the keyframe nearest to the
        target, or earlier if the next keyframe would make them too long.
        """
        if not self.target_duration:
            return True
        return elapsed + interval / 2 > self._settings.segment_target or elapsed + interval > self.longest

    def ended(self, duration: float, *intervals: float) -> None:
        """Record the end of a segment of `duration` seconds; `intervals` are the seconds between samples in each track.

        The first segment fixes the target duration and the part target for the whole broadcast.
        """
        if not self.target_duration:
            longest = max(duration - NEARLY, self._settings.segment_target)
            self.target_duration = max(MIN_TARGET_DURATION, ceil(longest))
            self.part_target = part_target_for(self.part_target, intervals)
            for listener in self._listeners:
                listener()


def part_target_for(wanted: float, intervals: Sequence[float]) -> float:
    """Return the smallest part target from `wanted` on that samples at `intervals` can fill, or `wanted`; in seconds."""
    steps = range(int((MAX_PART_TARGET - wanted) / _PART_STEP) + 1)
    # Three decimals: playlists and the index write no more.
    candidates = (round(wanted + step * _PART_STEP, 3) for step in steps)
    return next((each for each in candidates if all(fits(each, interval) for interval in intervals)), wanted)


def fits(part_target: float, interval: float) -> bool:
    """Return whether some number of samples, `interval` seconds apart, fills a part of the allowed duration."""
    # As many samples as fit even when each comes late, and enough even when each comes early.
    count = int(part_target / (interval * (1 + _JITTER)))
    return count * interval * (1 - _JITTER) >= part_target * MIN_PART_SHARE
