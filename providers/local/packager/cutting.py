"""When a segment ends (RFC 8216 4.3.3.1: no EXTINF, rounded, may exceed the target duration), and how long its parts are
(RFC 8216bis 4.4.4.9: none longer than the part target, none much shorter)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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

MAX_PART_TARGET = 2.0
"""Seconds a part target may be raised to; a slower picture has no parts."""

_PART_STEP = 0.02
_JITTER = 0.02
"""How much longer or shorter than the average a few frames together may be and still make a part."""

AUDIO_SEGMENT = 2.0
"""Seconds of a segment when there is no video and no target."""


@dataclass(frozen=True, slots=True)
class PackagerSettings:
    """How a stream is cut, in seconds.

    `segment_target` 0 ends a segment at every keyframe. `max_segment` bounds the first segment; those after it are bounded by
    the target duration. `part_target` is what is wished for; with `low_latency` players are told of parts, so these keep
    what playlists promise. `lone_pause`: how long a track without another beside it may pause in one period.
    """

    segment_target: float = 2.0
    part_target: float = PART_TARGET
    max_segment: float = MAX_FIRST_SEGMENT
    low_latency: bool = False
    lone_pause: float = 0.0


class SegmentRule:
    """Says when the open segment ends. `target_duration` is 0, and `part_target` a wish, until the first segment of the
    broadcast fixed them."""

    def __init__(self, settings: PackagerSettings, target_duration: int = 0, part_target: float = 0.0) -> None:
        self._settings = settings
        self.target_duration = target_duration
        self.part_target = part_target or settings.part_target
        self._told: list[Callable[[], None]] = []

    def when_fixed(self, tell: Callable[[], None]) -> None:
        """Call `tell` when the targets have been fixed."""
        self._told.append(tell)

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

    def ended(self, duration: float, *intervals: float) -> None:
        """A segment of `duration` seconds is out, its samples these seconds apart in each track.

        The first fixes the target duration and the part target for the whole broadcast.
        """
        if not self.target_duration:
            longest = max(duration - NEARLY, self._settings.segment_target)
            self.target_duration = max(MIN_TARGET_DURATION, ceil(longest))
            if self._settings.low_latency:
                self.part_target = part_target_for(self.part_target, intervals)
            for tell in self._told:
                tell()


def part_target_for(wanted: float, intervals: Sequence[float]) -> float:
    """The part target, in seconds, nearest above `wanted` that samples so many seconds apart can fill; else `wanted`."""
    steps = range(int((MAX_PART_TARGET - wanted) / _PART_STEP) + 1)
    candidates = (round(wanted + step * _PART_STEP, 3) for step in steps)
    return next((each for each in candidates if all(fits(each, interval) for interval in intervals)), wanted)


def fits(part_target: float, interval: float) -> bool:
    """Whether some number of samples `interval` seconds apart makes a part that is neither too long nor too short."""
    count = int(part_target / (interval * (1 + _JITTER)))
    return count * interval * (1 - _JITTER) >= part_target * MIN_PART_SHARE
