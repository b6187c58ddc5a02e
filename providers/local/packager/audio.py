"""The audio track: consecutive frames of a fixed duration. FLV's timestamps only reveal gaps."""

from __future__ import annotations

from math import ceil

from providers.local.codecs.aac import AacConfig
from providers.local.mp4.fragments import audio_fragment
from providers.local.mp4.tracks import TrackKind
from providers.local.mp4.writer import audio_init
from providers.local.packager.cutting import SegmentRule
from providers.local.packager.events import TrackInit
from providers.local.packager.track import Emit, TrackWriter

MAX_DRIFT_MS = 60
"""How far the counted time may differ from the encoder's timestamps before it is corrected; less is jitter and rounding."""

MAX_FILL_MS = 60_000
"""The most silence that is inserted before one frame."""

MAX_EXTENSION_MS = 6_000
"""The most silence after the last audio of a period whose video is longer."""


def init_of(config: AacConfig, discontinuity: int) -> TrackInit:
    """Return the init segment of an audio period."""
    return TrackInit(
        TrackKind.AUDIO,
        discontinuity,
        audio_init(config),
        config.codec,
        config.sample_rate,
        sample_rate=config.sample_rate,
        channels=config.channels,
        frame_samples=config.frame_samples,
        filler=config.silence,
    )


class AudioTrack(TrackWriter):
    """Counts samples. Missing audio becomes silence, not a gap: players stall at gaps, or lose sync when they skip them.

    `alone`: there is no video, so segments end by time.
    """

    def __init__(self, rule: SegmentRule, sequence: int, emit: Emit) -> None:
        super().__init__(TrackKind.AUDIO, rule, sequence, emit)
        self.alone = True
        self._silence = b""
        self._frame = 1
        self._behind = False
        self._empty = True

    def configure(self, config: AacConfig) -> None:
        """Set the format of the next frames."""
        self._silence, self._frame, self._behind, self._empty = config.silence, config.frame_samples, False, True

    def begin(self, init: TrackInit, origin: int, start: int, program_zero: float, missing: int = 0) -> None:
        """Start a period, see `TrackWriter.begin`."""
        super().begin(init, origin, start, program_zero, missing)
        # The first frame follows what is filled without a gap.
        self._empty = not missing

    def ticks(self, milliseconds: int) -> int:
        """Return the tick of a time in this period."""
        return self.origin + round(milliseconds * self.timescale / 1000)

    @property
    def end_ms(self) -> int:
        """The end of the track in ms of the period."""
        return (self.end - self.origin) * 1000 // self.timescale

    def write(self, milliseconds: int, payload: memoryview) -> None:
        """Add the frame whose timestamp is `milliseconds` of this period."""
        at = self.ticks(milliseconds)
        if self._empty:
            self._begin_at(at)
        drift = at - self.end
        limit = MAX_DRIFT_MS * self.timescale // 1000
        if drift > limit:
            self._fill(min(at, self.end + MAX_FILL_MS * self.timescale // 1000))
        elif drift < -limit or (self._behind and drift < -self._frame // 2):
            # This time was already written: drop frames until the timestamps catch up.
            self._behind = True
            return
        self._behind = False
        self._add(payload)

    def _begin_at(self, at: int) -> None:
        """Place the first frame exactly at its tick, after whole frames of silence from the start of the track.

        Program time stays that of the start: players add durations to it, and both tracks have to agree.
        """
        if at > self.end:
            gap = (at - self.end) % self._frame
            self.end = self.segment_start = self.part_start = self.end + gap
            self._program_zero -= gap / self.timescale
            self._fill(at)

    def seconds_until(self, milliseconds: int) -> float:
        """Return the duration of the segment in seconds if it is cut at this time; emitted parts stay in it."""
        until = max(self.part_start, min(self.end, self.ticks(milliseconds)))
        return (until - self.segment_start) / self.timescale

    def cut(self, milliseconds: int) -> None:
        """End the segment at this time of the period, as video does. Later frames go into the next segment."""
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
        """Add silence up to about this time of the period."""
        self._fill(self.ticks(milliseconds))

    def extend(self, until: float) -> None:
        """Add silence up to the end of the period at `until` seconds, so that audio is not shorter than video."""
        missing = ceil(until * self.timescale - 1e-6) - self.end
        if 0 < missing <= MAX_EXTENSION_MS * self.timescale // 1000:
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
