"""The video track: frames in, each given its duration by the next."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from providers.local.codecs.avc import AvcConfig, parameter_sets
from providers.local.mp4.boxes import OTHER_SAMPLE, SYNC_SAMPLE
from providers.local.mp4.fragments import video_fragment
from providers.local.mp4.writer import video_init
from providers.local.packager.cutting import PackagerSettings, SegmentRule
from providers.local.packager.events import TrackInit, TrackKind
from providers.local.packager.last_gop import Frame, LastGop, one_tick_each
from providers.local.packager.track import Emit, TrackWriter

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


def init_of(config: AvcConfig, discontinuity: int) -> TrackInit:
    """The init segment of a video period."""
    return TrackInit(
        TrackKind.VIDEO,
        discontinuity,
        video_init(config, TIMESCALE),
        config.codec,
        TIMESCALE,
        width=config.width,
        height=config.height,
        frame_rate=config.frame_rate,
    )


class VideoTrack(TrackWriter):
    """Holds back one frame, until the next tells how long it lasts.

    `still`: the last picture is being repeated. `astray`: what was repeated is not what the encoder's next frame refers to.
    """

    def __init__(self, settings: PackagerSettings, rule: SegmentRule, sequence: int, emit: Emit) -> None:
        super().__init__(TrackKind.VIDEO, settings, rule, sequence, emit)
        self._waiting: Frame | None = None
        self._last_duration = FIRST_DURATION
        self._fields: list[int] = []
        self._shown_end = 0
        self._gop = LastGop()
        self._sets = b""
        self.still = self.astray = False

    def take(self, config: AvcConfig, *, repeats_sets: bool) -> None:
        """The frames to come are of this kind.

        `repeats_sets`: players that do not change the init segment at a discontinuity (ffmpeg's, and those built on it) are to
        find the parameter sets in every keyframe. They are those of the init segment, so the track stays `avc1`.
        """
        self._sets = parameter_sets(config.record) if repeats_sets else b""
        self._gop.clear()
        self.still = self.astray = False

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

    @property
    def natural_end(self) -> int:
        """The tick until which the frame held back lasts if none follows: as long as the one before it did."""
        return self.latest + min(self._last_duration, MAX_LAST_DURATION) if self._waiting else self.end

    @property
    def shown_end(self) -> int:
        """The tick until which anything of the track is shown if no frame follows."""
        return max(self._shown_end, self.natural_end + self._delay(self._waiting) if self._waiting else self.end)

    @staticmethod
    def _delay(frame: Frame) -> int:
        return frame.offset if frame.offset <= MAX_DELAY_MS * TICKS_PER_MS else 0

    def settle(self, decode_time: int) -> None:
        """The frame held back lasts until `decode_time`: put it into its part."""
        frame = self._waiting
        if frame is None:
            return
        self._waiting = None
        duration = decode_time - frame.decode_time
        if not self.still:
            self._last_duration = duration
        self._shown_end = max(self._shown_end, decode_time + self._delay(frame))
        self._put(frame, duration)

    def _put(self, frame: Frame, duration: int) -> None:
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
        if frame.keyframe and self._sets and bytes(frame.payload[: len(self._sets)]) != self._sets:
            frame = frame._replace(payload=self._sets + bytes(frame.payload))
        self._gop.add(frame)
        self._waiting = frame
        self.still = self.astray = False

    def passes(self, decode_time: int) -> bool:
        """Whether the open segment would be longer than any may be with the frame held back, until `decode_time`."""
        return decode_time - self.segment_start > self._longest_ticks and self.end > self.segment_start

    # While no frames come

    @property
    def part_edge(self) -> int:
        """The tick where the open part is as long as parts should be, behind the frame held back."""
        edge = self.part_start + self._part_ticks
        return edge if edge > self.latest else self.latest + self._part_ticks

    @property
    def part_seconds(self) -> float:
        """How long parts should be."""
        return self._part_ticks / self.timescale

    @property
    def longest_still(self) -> int:
        """The most ticks that one frame may last."""
        return self._longest_ticks

    def repeat(self) -> None:
        """Show the last picture again, from where the track ends; every frame was settled."""
        self.end_part()
        self.still = True
        cheap = self._gop.cheap(self.end)
        self._repeat(self._gop.all if cheap else self._gop.keyframe)
        self.astray = not cheap

    def rewind(self) -> int:
        """How many ticks it takes to lead a decoder back to the encoder's last frame; 0 where that cannot be done."""
        return len(self._gop.all)

    def find_back(self, decode_time: int) -> int:
        """Lead the decoder back to the encoder's last frame before the one that comes now; the tick where that one begins."""
        self.settle(max(decode_time - self.rewind(), self.latest + 1))
        self.end_part()
        self._repeat(self._gop.all)
        self.astray = False
        return max(decode_time, self.latest + 1)

    def _repeat(self, frames: Sequence[Frame]) -> None:
        again = one_tick_each(frames, self.end)
        for frame, _ in pairwise(again):
            self._put(frame, 1)
        self._waiting = again[-1] if again else None

    def _independent(self) -> bool:
        return self._fields[2] == SYNC_SAMPLE

    def _fragment(self, number: int) -> bytes:
        fields, self._fields = self._fields, []
        return video_fragment(number, self.part_start, fields, self._payloads)
