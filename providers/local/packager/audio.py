"""The audio track: frames of a fixed length, one behind the other; FLV's ms only tell where sound is missing."""

from __future__ import annotations

from math import ceil

from providers.local.packager.aac import AacConfig
from providers.local.packager.boxes import audio_init
from providers.local.packager.cutting import PackagerSettings, SegmentRule
from providers.local.packager.events import TrackInit, TrackKind
from providers.local.packager.fragments import audio_fragment
from providers.local.packager.track import Emit, Track

MAX_DRIFT_MS = 60
"""How far the counted time may be from the encoder's timestamps before it is set right: below it is jitter and rounding."""

MAX_LAG_MS = 1_000
"""How far sound may be behind a cut of the video; what is missing before that is made up with silence."""


MAX_DRAWN_OUT_MS = 5_000
"""How much silence may follow the last audio of a generation that its video outlasts."""


def init_of(config: AacConfig, generation: int) -> TrackInit:
    """The init segment of an audio generation."""
    return TrackInit(
        TrackKind.AUDIO,
        generation,
        audio_init(config),
        config.codec,
        config.sample_rate,
        sample_rate=config.sample_rate,
        channels=config.channels,
        frame_samples=config.frame_samples,
        silence=config.silence,
    )


class AudioTrack(Track):
    """Counts samples. Missing sound becomes silence, not a hole: players stall at holes, and drift when they skip them.

    `alone`: no video says where segments end, so time does.
    """

    def __init__(self, settings: PackagerSettings, rule: SegmentRule, sequence: int, emit: Emit) -> None:
        super().__init__(TrackKind.AUDIO, settings, rule, sequence, emit)
        self.alone = True
        self._silence = b""
        self._frame = 1
        self._behind = False

    def take(self, config: AacConfig) -> None:
        """The frames to come are of this kind."""
        self._silence, self._frame, self._behind = config.silence, config.frame_samples, False

    def ticks(self, milliseconds: int) -> int:
        """The tick of a moment of this generation."""
        return self.origin + round(milliseconds * self.timescale / 1000)

    def lead_in(self) -> None:
        """Silence from the generation's zero to the first frame, which is about to come; what is left is less than a frame.

        Program time is that of zero all the same: players add durations to it, and those of both tracks have to agree.
        """
        missing, gap = divmod(self.end - self.origin, self._frame)
        self.end = self.segment_start = self.part_start = self.origin + gap
        self._program_zero -= gap / self.timescale
        for _ in range(missing):
            self._add(self._silence)

    def put(self, milliseconds: int, payload: memoryview) -> None:
        """Add the frame that the encoder says begins at `milliseconds` of this generation."""
        drift = self.ticks(milliseconds) - self.end
        limit = MAX_DRIFT_MS * self.timescale // 1000
        if drift > limit:
            self._fill(self.end + drift)
        elif drift < -limit or (self._behind and drift < -self._frame // 2):
            # The same moment twice: drop until the timestamps have caught up with what was given out.
            self._behind = True
            return
        self._behind = False
        self._add(payload)

    def seconds_until(self, milliseconds: int) -> float:
        """How long the segment will be when it is cut at this moment: parts that are out stay in it."""
        until = max(self.part_start, min(self.end, self.ticks(milliseconds)))
        return (until - self.segment_start) / self.timescale

    def cut(self, milliseconds: int) -> None:
        """End the segment at this moment of the generation, as video does."""
        at = self.ticks(milliseconds)
        self._fill(at - MAX_LAG_MS * self.timescale // 1000)
        keep = max(0, -((self.part_start - at) // self._frame))
        later = self._payloads[keep:]
        if later:
            del self._payloads[keep:]
            self.end = self.part_start + keep * self._frame
            self._part_size = sum(map(len, self._payloads))
        self.end_segment()
        for payload in later:
            self._add(payload)

    def draw_out(self, until: float) -> None:
        """The generation ends at `until`, in seconds: silence up to there, to be no shorter than the video."""
        missing = ceil(until * self.timescale - 1e-6) - self.end
        if 0 < missing <= MAX_DRAWN_OUT_MS * self.timescale // 1000:
            for _ in range(-(-missing // self._frame)):
                self._add(self._silence)

    def _fill(self, until: int) -> None:
        """Silence from where the track ends until about the tick `until`."""
        for _ in range(round((until - self.end) / self._frame)):
            self._add(self._silence)

    def _add(self, payload: memoryview | bytes) -> None:
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
