"""The video track. The duration of each frame is known only when the next one arrives."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from providers.local.codecs.avc import AvcConfig, parameter_sets
from providers.local.mp4.boxes import OTHER_SAMPLE, SYNC_SAMPLE
from providers.local.mp4.fragments import video_fragment
from providers.local.mp4.tracks import TrackKind
from providers.local.mp4.writer import video_init
from providers.local.packager.cutting import SegmentRule
from providers.local.packager.events import TrackInit
from providers.local.packager.last_gop import Frame, LastGop, one_tick_each
from providers.local.packager.track import Emit, TrackWriter

TIMESCALE = 90_000
"""Ticks per second: represents every ms of FLV exactly."""

TICKS_PER_MS = TIMESCALE // 1000

FIRST_DURATION = TIMESCALE // 30
"""The duration of a frame without a neighbour, in ticks."""

MAX_DELAY_MS = 1_000
"""The longest delay from decoding to presentation that B-frames cause; a later frame follows a pause."""

MAX_LAST_DURATION = TIMESCALE // 4
"""The longest duration that a last frame inherits from the one before it, in ticks."""

_UNSIGNED = 0xFFFFFFFF


def init_of(config: AvcConfig, discontinuity: int) -> TrackInit:
    """Return the init segment of a video period."""
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
    """Holds one frame until the next one determines its duration.

    `repeating`: the last frame is being repeated. `references_lost`: the decoder lacks the references of the encoder's next frame.
    """

    def __init__(self, rule: SegmentRule, sequence: int, emit: Emit) -> None:
        super().__init__(TrackKind.VIDEO, rule, sequence, emit)
        self._waiting: Frame | None = None
        self._last_duration = FIRST_DURATION
        self._fields: list[int] = []
        self._shown_end = 0
        self._gop = LastGop()
        self._sets = b""
        self.repeating = self.references_lost = False

    def configure(self, config: AvcConfig, *, repeats_sets: bool) -> None:
        """Set the format of the next frames.

        `repeats_sets`: write the parameter sets into every keyframe, for players that do not change the init segment at a
        discontinuity (ffmpeg, and players built on it). They equal those of the init segment, so the track stays `avc1`
        (ISO/IEC 14496-15 5.3.2).
        """
        self._sets = parameter_sets(config.record) if repeats_sets else b""
        # The frames of before are of another format.
        self._gop.clear()
        self.repeating = self.references_lost = False

    @property
    def end_seconds(self) -> float:
        """The end of the track in seconds on the media timeline. With B-frames it is after the end of decoding."""
        return max(self.end, self._shown_end) / self.timescale

    @property
    def holding(self) -> bool:
        """Whether a frame is held."""
        return self._waiting is not None

    @property
    def latest(self) -> int:
        """The decode time of the newest frame in ticks; the end of the track if there is none."""
        return self._waiting.decode_time if self._waiting else self.end

    @property
    def natural_end(self) -> int:
        """The tick at which the held frame ends if none follows: it lasts as long as the one before it."""
        return self.latest + min(self._last_duration, MAX_LAST_DURATION) if self._waiting else self.end

    @property
    def shown_end(self) -> int:
        """The tick at which presentation of the track ends if no frame follows."""
        return max(self._shown_end, self.natural_end + self._delay(self._waiting) if self._waiting else self.end)

    @staticmethod
    def _delay(frame: Frame) -> int:
        return frame.offset if frame.offset <= MAX_DELAY_MS * TICKS_PER_MS else 0

    def settle(self, decode_time: int) -> None:
        """Write the held frame to its part; it lasts until `decode_time`."""
        frame = self._waiting
        if frame is None:
            return
        self._waiting = None
        duration = decode_time - frame.decode_time
        # A repeated frame's duration says nothing about the encoder.
        if not self.repeating:
            self._last_duration = duration
        self._shown_end = max(self._shown_end, decode_time + self._delay(frame))
        self._put(frame, duration)

    def _put(self, frame: Frame, duration: int) -> None:
        self._make_room(duration)
        self._fields += (
            duration,
            len(frame.payload),
            SYNC_SAMPLE if frame.keyframe else OTHER_SAMPLE,
            # Signed in `trun` version 1 (14496-12 8.8.8.2); the fragment is packed with unsigned numbers.
            frame.offset & _UNSIGNED,
        )
        self._append(frame.payload, duration)

    def complete(self, keyframe: memoryview | bytes) -> memoryview | bytes:
        """Return the keyframe with the parameter sets in front, if they are repeated."""
        # An encoder that repeats them itself must not get them twice.
        if self._sets and bytes(keyframe[: len(self._sets)]) != self._sets:
            return self._sets + bytes(keyframe)
        return keyframe

    def hold(self, frame: Frame) -> None:
        """Hold the next frame. The one before it must be settled."""
        if frame.keyframe:
            frame = frame._replace(payload=self.complete(frame.payload))
        self._gop.add(frame)
        self._waiting = frame
        self.repeating = self.references_lost = False

    def passes(self, decode_time: int) -> bool:
        """Return whether the open segment would be too long with the held frame, which ends at `decode_time`."""
        # A single frame may be longer than a segment: cutting before it would leave an empty one.
        return decode_time - self.segment_start > self._longest_ticks and self.end > self.segment_start

    # While the encoder sends no frames

    @property
    def part_edge(self) -> int:
        """The tick after the held frame at which the open part reaches the part target."""
        edge = self.part_start + self._part_ticks
        return edge if edge > self.latest else self.latest + self._part_ticks

    @property
    def part_seconds(self) -> float:
        """The part target in seconds."""
        return self._part_ticks / self.timescale

    @property
    def longest_frame(self) -> int:
        """The longest duration of one frame in ticks."""
        return self._longest_ticks

    def repeat(self) -> None:
        """Repeat the last frame from the end of the track. All frames must be settled."""
        self.end_part()
        self.repeating = True
        cheap = self._gop.cheap(self.end)
        self._repeat(self._gop.all if cheap else self._gop.keyframe)
        self.references_lost = not cheap

    def restore_ticks(self) -> int:
        """Return the ticks needed to restore a decoder's references; 0 if they were not kept."""
        return len(self._gop.all)

    def restore_references(self, decode_time: int) -> int:
        """Repeat the frames that the encoder's next frame refers to. Return the tick at which that one begins."""
        self.settle(max(decode_time - self.restore_ticks(), self.latest + 1))
        self.end_part()
        self._repeat(self._gop.all)
        self.references_lost = False
        return max(decode_time, self.latest + 1)

    def _repeat(self, frames: Sequence[Frame]) -> None:
        again = one_tick_each(frames, self.end)
        for frame, _ in pairwise(again):
            # One tick each: they are decoded for the references, and only the last one is to be seen.
            self._put(frame, 1)
        self._waiting = again[-1] if again else None

    def _independent(self) -> bool:
        return self._fields[2] == SYNC_SAMPLE

    def _fragment(self, number: int) -> bytes:
        fields, self._fields = self._fields, []
        return video_fragment(number, self.part_start, fields, self._payloads)
