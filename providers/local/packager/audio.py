"""The audio track: frames of a fixed length, one behind the other; FLV's ms only tell where sound is missing."""

from __future__ import annotations

from math import ceil

from providers.local.codecs.aac import AacConfig
from providers.local.mp4.fragments import audio_fragment
from providers.local.mp4.writer import audio_init
from providers.local.packager.cutting import PackagerSettings, SegmentRule
from providers.local.packager.events import TrackInit, TrackKind
from providers.local.packager.track import Emit, TrackWriter

MAX_DRIFT_MS = 60
"""How far the counted time may be from the encoder's timestamps before it is set right: below it is jitter and rounding."""

MAX_FILL_MS = 60_000
"""The most silence that one frame may bring with it."""

MAX_DRAWN_OUT_MS = 6_000
"""How much silence may follow the last audio of a period that its video outlasts."""


def init_of(config: AacConfig, discontinuity: int) -> TrackInit:
    """The init segment of an audio period."""
    return TrackInit(
        TrackKind.AUDIO,
        discontinuity,
        audio_init(config),
        config.codec,
        config.sample_rate,
        sample_rate=config.sample_rate,
        channels=config.channels,
        frame_samples=config.frame_samples,
        silence=config.silence,
    )


class AudioTrack(TrackWriter):
    """Counts samples. Missing sound becomes silence, not a hole: players stall at holes, and drift when they skip them.

    `alone`: no video says where segments end, so time does.
    """

    def __init__(self, settings: PackagerSettings, rule: SegmentRule, sequence: int, emit: Emit) -> None:
        super().__init__(TrackKind.AUDIO, settings, rule, sequence, emit)
        self.alone = True
        self._silence = b""
        self._frame = 1
        self._behind = False
        self._empty = True

    def take(self, config: AacConfig) -> None:
        """The frames to come are of this kind."""
        self._silence, self._frame, self._behind, self._empty = config.silence, config.frame_samples, False, True

    def ticks(self, milliseconds: int) -> int:
        """The tick of a moment of this period."""
        return self.origin + round(milliseconds * self.timescale / 1000)

    @property
    def end_ms(self) -> int:
        """Where the track ends, in ms of the period."""
        return (self.end - self.origin) * 1000 // self.timescale

    def put(self, milliseconds: int, payload: memoryview) -> None:
        """Add the frame that the encoder says begins at `milliseconds` of this period."""
        at = self.ticks(milliseconds)
        if self._empty:
            self._begin_at(at)
        drift = at - self.end
        limit = MAX_DRIFT_MS * self.timescale // 1000
        if drift > limit:
            self._fill(min(at, self.end + MAX_FILL_MS * self.timescale // 1000))
        elif drift < -limit or (self._behind and drift < -self._frame // 2):
            # The same moment twice: drop until the timestamps have caught up with what was given out.
            self._behind = True
            return
        self._behind = False
        self._add(payload)

    def _begin_at(self, at: int) -> None:
        """The first frame is put exactly at its tick, behind as much silence as fits between it and the track's beginning.

        Program time is that of the beginning all the same: players add durations to it, and those of both tracks have to agree.
        """
        if at > self.end:
            gap = (at - self.end) % self._frame
            self.end = self.segment_start = self.part_start = self.end + gap
            self._program_zero -= gap / self.timescale
            self._fill(at)

    def seconds_until(self, milliseconds: int) -> float:
        """How long the segment will be when it is cut at this moment: parts that are out stay in it."""
        until = max(self.part_start, min(self.end, self.ticks(milliseconds)))
        return (until - self.segment_start) / self.timescale

    def cut(self, milliseconds: int) -> None:
        """End the segment at this moment of the period, as video does; what is late by then goes into the next one."""
        at = self.ticks(milliseconds)
        keep = max(0, -((self.part_start - at) // self._frame))
        later = self._payloads[keep:]
        if later:
            del self._payloads[keep:]
            self.end = self.part_start + keep * self._frame
            self._part_size = sum(map(len, self._payloads))
        self.end_segment()
        for payload in later:
            self._add(payload)

    def fill(self, milliseconds: int) -> None:
        """Silence from where the track ends until about this moment of the period."""
        self._fill(self.ticks(milliseconds))

    def draw_out(self, until: float) -> None:
        """The period ends at `until`, in seconds: silence up to there, to be no shorter than the video."""
        missing = ceil(until * self.timescale - 1e-6) - self.end
        if 0 < missing <= MAX_DRAWN_OUT_MS * self.timescale // 1000:
            for _ in range(-(-missing // self._frame)):
                self._add(self._silence)

    def _fill(self, until: int) -> None:
        for _ in range(round((until - self.end) / self._frame)):
            self._add(self._silence)

    def _add(self, payload: memoryview | bytes) -> None:
        self._empty = False
        if self.end + self._frame - self.segment_start > self._longest_ticks:
            self.end_segment()
        self._make_room(self._frame)
        self._append(payload, self._frame)
        if self.alone and self.segment_seconds >= self._rule.audio_only:
            self.end_segment()

    def _independent(self) -> bool:
        return True

    def _fragment(self, number: int) -> bytes:
        return audio_fragment(number, self.part_start, self._frame, list(map(len, self._payloads)), self._payloads)
