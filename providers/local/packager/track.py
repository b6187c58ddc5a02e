"""The open part and open segment of one track: samples in, parts and segment ends out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import ceil

from providers.local.mp4.fragments import fragment_number
from providers.local.mp4.tracks import TrackKind
from providers.local.packager.cutting import MIN_PART_SHARE, SegmentRule
from providers.local.packager.events import PackagerEvent, Part, SegmentEnd, TrackInit

MAX_PART_SIZE = 16 * 1024 * 1024
"""Bytes at which a part ends although it is short: an encoder whose clock stands still must not fill the memory."""

MAX_PART_SAMPLES = 2_000
"""Samples at which a part ends, for the same reason."""

Emit = Callable[[PackagerEvent], None]


class TrackWriter:
    """Common to video and audio: decode times, parts and segments of successive periods.

    `origin` is the tick at which the period starts, `end` the tick at which the last sample with a known duration ends, `ended` the
    number of segments written.
    Subclasses turn samples into a fragment.
    """

    def __init__(self, kind: TrackKind, rule: SegmentRule, sequence: int, emit: Emit) -> None:
        self._kind = kind
        self._rule = rule
        self._emit = emit
        rule.when_fixed(self._measure)
        self.sequence = sequence
        self.ended = 0
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
        """The end of the track in seconds on the media timeline."""
        return self.end / self.timescale

    @property
    def segment_seconds(self) -> float:
        """The duration of the open segment in seconds."""
        return (self.end - self.segment_start) / self.timescale

    @property
    def sample_seconds(self) -> float:
        """The average duration of samples in the open segment, which must not be empty, in seconds."""
        return self.segment_seconds / (self._samples + len(self._payloads))

    @property
    def next_sequence(self) -> int:
        """The number of the first segment without any emitted part."""
        return self.sequence + (1 if self._part_index else 0)

    def begin(self, init: TrackInit, origin: int, start: int, program_zero: float, missing: int = 0) -> None:
        """Start a period under `init` at tick `start`, after `missing` segments that are filled.

        `program_zero` is the Unix time of tick `origin`.
        """
        self.active = self.begun = True
        self.sequence += missing
        self.discontinuity, self.timescale = init.discontinuity, init.timescale
        # `origin` and `start` differ where a track joins later or the first frame is presented later.
        self.origin, self.end, self._program_zero = origin, start, program_zero
        self._measure()
        self._begin_segment()
        self._emit(replace(init, start=start, missing=missing))

    def _measure(self) -> None:
        """Convert the rule's limits to ticks. They change when either track ends the first segment."""
        # 0.35 * 90000 is a little less than 31500 in binary: without the addition a tick is lost.
        self._part_ticks = int(self._rule.part_target * self.timescale + 1e-6)
        self._least_ticks = ceil(self._part_ticks * MIN_PART_SHARE)
        self._longest_ticks = int(self._rule.longest * self.timescale)

    def _begin_segment(self) -> None:
        self._part_index = self._samples = 0
        self.segment_start = self.part_start = self.end

    def end_segment(self) -> bool:
        """Close the open part and segment. Return False if the segment is empty."""
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
        self.ended += 1
        self._begin_segment()
        return True

    def end_part(self) -> None:
        """Emit the open part unless it is empty."""
        if not self._payloads:
            return
        independent = self._independent()
        if self._part_index == 0:
            self._segment_independent = independent
        number = fragment_number(self.sequence, self._part_index)
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
        """Add a sample. Close the part if another one like it would make it too long."""
        self._payloads.append(payload)
        self._part_size += len(payload)
        self.end += duration
        length = self.end - self.part_start
        # Parts must have 85 % of the part target, but for the last one of a segment (RFC 8216bis 4.4.4.9).
        full = length + duration > self._part_ticks and length >= self._least_ticks
        if full or self._part_size > MAX_PART_SIZE or len(self._payloads) >= MAX_PART_SAMPLES:
            self.end_part()

    def _make_room(self, duration: int) -> None:
        """Close the open part if a sample of `duration` ticks would make it longer than the target.

        A part that is still too short gets the sample anyway: a short part inside a segment is not allowed
        (RFC 8216bis 4.4.4.9), while a long frame stalls players in any case.
        """
        length = self.end - self.part_start
        if length + duration > self._part_ticks and length >= self._least_ticks:
            self.end_part()

    def _independent(self) -> bool:
        raise NotImplementedError

    def _fragment(self, number: int) -> bytes:
        raise NotImplementedError
