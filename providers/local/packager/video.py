"""The video track: frames in, each given its duration by the next."""

from __future__ import annotations

from typing import NamedTuple

from providers.local.packager.avc import AvcConfig
from providers.local.packager.boxes import OTHER_SAMPLE, SYNC_SAMPLE, video_init
from providers.local.packager.cutting import PackagerSettings, SegmentRule
from providers.local.packager.events import TrackInit, TrackKind
from providers.local.packager.fragments import video_fragment
from providers.local.packager.track import Emit, Track

TIMESCALE = 90_000
"""Ticks a second: says every ms of FLV exactly."""

TICKS_PER_MS = TIMESCALE // 1000

FIRST_DURATION = TIMESCALE // 30
"""The duration of a frame that has no neighbour to tell it."""

MAX_DELAY_MS = 1_000
"""The longest delay between decoding and presentation that B-frames may cause; a frame that is shown later is behind a pause."""

MAX_LAST_DURATION = TIMESCALE // 4
"""The longest duration a last frame inherits from the one before it."""

_UNSIGNED = 0xFFFFFFFF


class Frame(NamedTuple):
    """A coded frame; `decode_time` in ticks, `offset` from it to the presentation in ticks, signed."""

    decode_time: int
    offset: int
    keyframe: bool
    payload: memoryview


def init_of(config: AvcConfig, generation: int) -> TrackInit:
    """The init segment of a video generation."""
    return TrackInit(
        TrackKind.VIDEO,
        generation,
        video_init(config, TIMESCALE),
        config.codec,
        TIMESCALE,
        width=config.width,
        height=config.height,
        frame_rate=config.frame_rate,
    )


class VideoTrack(Track):
    """Holds back one frame, until the next tells how long it lasts."""

    def __init__(self, settings: PackagerSettings, rule: SegmentRule, sequence: int, emit: Emit) -> None:
        super().__init__(TrackKind.VIDEO, settings, rule, sequence, emit)
        self._waiting: Frame | None = None
        self._last_duration = FIRST_DURATION
        self._fields: list[int] = []
        self._shown_end = 0

    @property
    def end_seconds(self) -> float:
        """Where the track ends, in seconds on the media timeline: with B-frames the last one is shown after it is decoded."""
        return max(self.end, self._shown_end) / self.timescale

    @property
    def holding(self) -> bool:
        """Whether a frame is held back."""
        return self._waiting is not None

    @property
    def latest(self) -> int:
        """The decode time of the newest frame, in ticks; where the track ends when there is none."""
        return self._waiting.decode_time if self._waiting else self.end

    def settle(self, decode_time: int) -> None:
        """The frame held back lasts until `decode_time`: put it into its part."""
        frame = self._waiting
        if frame is None:
            return
        self._waiting = None
        duration = self._last_duration = decode_time - frame.decode_time
        if frame.offset <= MAX_DELAY_MS * TICKS_PER_MS:
            self._shown_end = max(self._shown_end, decode_time + frame.offset)
        self._make_room(duration)
        self._fields += (
            duration,
            len(frame.payload),
            SYNC_SAMPLE if frame.keyframe else OTHER_SAMPLE,
            frame.offset & _UNSIGNED,
        )
        self._append(frame.payload, duration)

    def hold(self, frame: Frame) -> None:
        """Take the next frame, the one before it being settled."""
        self._waiting = frame

    def passes(self, decode_time: int) -> bool:
        """Whether the open segment would be longer than any may be with the frame held back, until `decode_time`."""
        return decode_time - self.segment_start > self._longest_ticks and self.end > self.segment_start

    @property
    def longest(self) -> int:
        """The tick until which the frame held back can last at most: as long as a segment that has nothing else."""
        return self.latest + self._longest_ticks

    def settle_last(self) -> None:
        """No frame follows: the last one lasts as long as the one before it."""
        if self._waiting is not None:
            self.settle(self._waiting.decode_time + min(self._last_duration, MAX_LAST_DURATION))

    def _independent(self) -> bool:
        return self._fields[2] == SYNC_SAMPLE

    def _fragment(self, number: int) -> bytes:
        fields, self._fields = self._fields, []
        return video_fragment(number, self.part_start, fields, self._payloads)
