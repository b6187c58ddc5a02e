"""One track's open part and open segment: samples in, parts and segment ends out."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

from providers.local.packager.cutting import MIN_PART_SHARE, PackagerSettings, SegmentRule
from providers.local.packager.events import PackagerEvent, Part, SegmentEnd, TrackInit, TrackKind

MAX_PART_SIZE = 16 * 1024 * 1024
"""Bytes at which a part ends though it is short: a clock that stands still must not fill the memory."""

MAX_PART_SAMPLES = 2_000
"""Samples at which a part ends, for the same reason."""

_PARTS_OF_A_SEGMENT = 1 << 12
"""Room for part numbers in `mfhd`, which must rise: no segment has more parts."""

Emit = Callable[[PackagerEvent], None]


class Track:
    """What video and audio have in common: decode times, parts and segments of one period after another.

    `origin` is the tick of the period's zero, `end` the tick where the last sample with a known duration ends.
    Subclasses say how samples become a fragment.
    """

    def __init__(
        self, kind: TrackKind, settings: PackagerSettings, rule: SegmentRule, sequence: int, emit: Emit
    ) -> None:
        self._kind = kind
        self._low_latency = settings.low_latency
        self._rule = rule
        self._emit = emit
        rule.when_fixed(self._measure)
        self.sequence = sequence
        self.active = self.begun = False
        self.timescale = 1
        self.discontinuity = self.origin = self.end = 0
        self.segment_start = self.part_start = self._part_index = 0
        self._part_ticks = self._least_ticks = self._longest_ticks = 0
        self._part_size = self._samples = 0
        self._segment_independent = False
        self._program_zero = 0.0
        self._payloads: list[memoryview | bytes] = []

    @property
    def end_seconds(self) -> float:
        """Where the track ends, in seconds on the media timeline."""
        return self.end / self.timescale

    @property
    def segment_seconds(self) -> float:
        """How long the open segment is."""
        return (self.end - self.segment_start) / self.timescale

    @property
    def sample_seconds(self) -> float:
        """How far apart the samples of the open segment are, on average; it has one."""
        return self.segment_seconds / (self._samples + len(self._payloads))

    @property
    def next_sequence(self) -> int:
        """The number of the first segment of which nothing was given out."""
        return self.sequence + (1 if self._part_index else 0)

    def begin(self, init: TrackInit, origin: int, start: int, program_zero: float) -> None:
        """Go on under `init` from tick `start`; `program_zero` is the Unix time of tick `origin`."""
        self.active = self.begun = True
        self.discontinuity, self.timescale = init.discontinuity, init.timescale
        self.origin, self.end, self._program_zero = origin, start, program_zero
        self._measure()
        self._begin_segment()
        self._emit(init)

    def _measure(self) -> None:
        """The rule in ticks: they are wanted for every sample, and change when the other track ends the first segment."""
        self._part_ticks = int(self._rule.part_target * self.timescale + 1e-6)
        self._least_ticks = ceil(self._part_ticks * MIN_PART_SHARE)
        self._longest_ticks = int(self._rule.longest * self.timescale)

    def _begin_segment(self) -> None:
        self._part_index = self._samples = 0
        self.segment_start = self.part_start = self.end

    def end_segment(self) -> bool:
        """Close the open part and segment; False when there is no sample in it."""
        self.end_part()
        if not self._part_index:
            return False
        start = self.segment_start
        self._emit(
            SegmentEnd(
                self._kind,
                self.discontinuity,
                self.sequence,
                start,
                self.end - start,
                self._segment_independent,
                self._program_zero + (start - self.origin) / self.timescale,
            )
        )
        self._rule.ended(self.segment_seconds, self.sample_seconds)
        self.sequence += 1
        self._begin_segment()
        return True

    def end_part(self) -> None:
        """Give out the open part, if it holds a sample."""
        if not self._payloads:
            return
        independent = self._independent()
        if self._part_index == 0:
            self._segment_independent = independent
        number = self.sequence * _PARTS_OF_A_SEGMENT + self._part_index + 1
        start, duration = self.part_start, self.end - self.part_start
        data = self._fragment(number)
        self._emit(
            Part(self._kind, self.discontinuity, self.sequence, self._part_index, start, duration, independent, data)
        )
        self._part_index += 1
        self._samples += len(self._payloads)
        self._payloads = []
        self._part_size = 0
        self.part_start = self.end

    def _append(self, payload: memoryview | bytes, duration: int) -> None:
        """Add a sample behind the others and close the part when the next one would probably make it too long."""
        self._payloads.append(payload)
        self._part_size += len(payload)
        self.end += duration
        length = self.end - self.part_start
        full = length + duration > self._part_ticks and length >= self._least_ticks
        if full or self._part_size > MAX_PART_SIZE or len(self._payloads) >= MAX_PART_SAMPLES:
            self.end_part()

    def _make_room(self, duration: int) -> None:
        """Close the open part when a sample of `duration` ticks would make it longer than the target.

        With `low_latency` a part that is too short by then takes the sample all the same: players stand still with the picture,
        but a short part in the middle of a segment is against what they were promised.
        """
        length = self.end - self.part_start
        if length + duration > self._part_ticks and (not self._low_latency or length >= self._least_ticks):
            self.end_part()

    def _independent(self) -> bool:
        raise NotImplementedError

    def _fragment(self, number: int) -> bytes:
        raise NotImplementedError
