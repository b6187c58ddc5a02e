"""Read-only views of a broadcast, with all that manifests need.

Times on the media timeline are in ticks of the track's `timescale`; wall-clock times are seconds since the Unix epoch.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

from providers.local.mp4.tracks import TrackKind
from providers.options import LatencyMode

MIN_LIVE_SEGMENTS = 6
"""Minimum number of segments in a live playlist: twice the three that players hold back."""

MIN_LIVE_SECONDS = 24.0
"""Minimum media in a live playlist, in seconds, so that a player may pause or stall briefly."""

MAX_HOLE = 1.0
"""Seconds a track may lack between two segments without a break in the manifest: players jump over so much."""

RENDITION_NAME = re.compile(r"[a-z0-9]{1,16}")
"""Valid names of renditions: the name is part of file names and URLs."""


@dataclass(frozen=True, slots=True)
class InitView:
    """An init segment, as `packager.events.TrackInit` describes it; `digest` instead of its bytes.

    `discontinuity` is the period it was written for. `clock_correction`: seconds to add to the program times of its period to get
    those of the system clock.
    """

    discontinuity: int
    codec: str
    timescale: int
    width: int = 0
    height: int = 0
    frame_rate: float = 0.0
    sample_rate: int = 0
    channels: int = 0
    digest: str = ""
    clock_correction: float = 0.0


@dataclass(frozen=True, slots=True)
class PartView:
    """A part of a segment; its index is its place in the list. `duration` in ticks."""

    duration: int
    independent: bool


@dataclass(frozen=True, slots=True)
class SegmentView:
    """A whole segment. `decode_time` and `duration` in ticks, `size` in bytes."""

    sequence: int
    discontinuity: int
    decode_time: int
    duration: int
    independent: bool
    program_time: float
    size: int


@dataclass(frozen=True, slots=True)
class OpenView:
    """The segment that is being written, with its complete parts."""

    sequence: int
    discontinuity: int
    parts: Sequence[PartView]


@dataclass(frozen=True, slots=True)
class TrackView:
    """One track of one rendition: `segments` are those to list, oldest first.

    `starts` has the first segment of every period, listed or not; `parts` those of the newest whole segments, by sequence.
    Rates in bits per second.
    """

    rendition: str
    kind: TrackKind
    inits: Mapping[int, InitView]
    segments: Sequence[SegmentView]
    starts: Mapping[int, SegmentView]
    peak_rate: int
    average_rate: int
    parts: Mapping[int, Sequence[PartView]]
    open: OpenView | None = None

    @property
    def name(self) -> str:
        """Name of the track in URLs."""
        return track_name(self.rendition, self.kind)

    def init_name(self, discontinuity: int) -> str:
        """Return the file and URL name of a period's init segment. Periods that were filled use that of a later one."""
        return init_name(self.name, self.inits[discontinuity].discontinuity)

    def seconds(self, segment: SegmentView) -> float:
        """Return the duration of `segment` in seconds."""
        return segment.duration / self.inits[segment.discontinuity].timescale

    def start(self, segment: SegmentView) -> float:
        """When `segment` starts on the media timeline, in seconds."""
        return segment.decode_time / self.inits[segment.discontinuity].timescale

    def wall_time(self, segment: SegmentView) -> float:
        """Return the Unix time of the first frame of `segment`, in seconds, by the system clock as its period began."""
        return segment.program_time + self.inits[segment.discontinuity].clock_correction

    def spans(self, segments: Sequence[SegmentView]) -> list[float]:
        """How long each of these segments stands in a manifest, in seconds: up to the next one, where that begins soon after it.

        Where encoders reconnect, a track's last frames end a little before the next period begins. Players add durations up
        (and dash.js takes a hole for the end of the track), so the hole belongs to the segment before it.
        """
        lengths = [self.seconds(segment) for segment in segments]
        for at, (one, two) in enumerate(pairwise(segments)):
            until_next = self.start(two) - self.start(one)
            if 0 < until_next - lengths[at] <= MAX_HOLE:
                lengths[at] = until_next
        return lengths


@dataclass(frozen=True, slots=True)
class BroadcastView:
    """A broadcast with the tracks that have at least one segment; the best rendition first.

    `target_duration` is in whole seconds; `part_target`, in seconds, is None unless it is live: only then parts are listed.
    """

    uid: str
    created: datetime
    target_duration: int
    part_target: float | None
    ended: bool
    tracks: Sequence[TrackView]
    latency_mode: LatencyMode = LatencyMode.STANDARD

    @property
    def videos(self) -> list[TrackView]:
        """The video track of each rendition."""
        return [track for track in self.tracks if track.kind is TrackKind.VIDEO]

    @property
    def audio(self) -> TrackView | None:
        """The one audio track all renditions share: that of the first rendition which has one."""
        return next((track for track in self.tracks if track.kind is TrackKind.AUDIO), None)

    @property
    def presented(self) -> list[TrackView]:
        """Tracks in manifests."""
        audio = self.audio
        return self.videos if audio is None else [*self.videos, audio]

    @property
    def primary(self) -> TrackView:
        """The track whose periods are the broadcast's. Errors: IndexError when nothing is listed yet."""
        return self.presented[0]


def track_name(rendition: str, kind: TrackKind) -> str:
    """Return the name of a track in URLs and file names."""
    return f"{rendition}-{kind.value}"


def init_name(track: str, discontinuity: int) -> str:
    """Return the file and URL name of an init segment."""
    return f"{track}-init-{discontinuity}.mp4"


def segment_name(track: str, sequence: int) -> str:
    """Return the file and URL name of a segment."""
    return f"{track}-{sequence}.m4s"


def part_name(track: str, sequence: int, index: int) -> str:
    """Return the URL name of a part. A part has no file of its own."""
    return f"{track}-{sequence}.{index}.m4s"


def listed_target(seconds: float) -> int:
    """Return the minimum EXT-X-TARGETDURATION for a segment of `seconds` (RFC 8216bis §4.4.3.1: rounded to nearest)."""
    return max(1, int(seconds + 0.5))


def window_start(segments: Sequence[tuple[float, float]], target_duration: int) -> int:
    """Return the index of the first segment in the live playlist.

    At least MIN_LIVE_SEGMENTS, three target durations (RFC 8216 §6.2.2) and the last MIN_LIVE_SECONDS remain. Seconds count
    while the encoder is disconnected, too: shaka-player drops segments by the clock, and stalls when older ones are still listed.

    Args:
        segments: Program time and duration of each segment, in seconds, oldest first.
        target_duration: EXT-X-TARGETDURATION, in seconds.
    """
    listed, count = 0.0, 0
    now = sum(segments[-1]) if segments else 0.0
    for at in range(len(segments) - 1, -1, -1):
        program_time, duration = segments[at]
        if (
            count >= MIN_LIVE_SEGMENTS
            and listed >= 3.0 * target_duration
            and program_time + duration <= now - MIN_LIVE_SECONDS
        ):
            return at + 1
        listed += duration
        count += 1
    return 0


def by_discontinuity(track: TrackView) -> list[list[SegmentView]]:
    """Return the listed segments, grouped by period."""
    cuts = [at + 1 for at, (one, two) in enumerate(pairwise(track.segments)) if one.discontinuity != two.discontinuity]
    edges = [0, *cuts, len(track.segments)]
    return [list(track.segments[a:b]) for a, b in pairwise(edges) if a < b]


def utc(seconds: float) -> str:
    """Return a wall-clock time as ISO 8601 in UTC with milliseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
