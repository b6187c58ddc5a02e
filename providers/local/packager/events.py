"""What the packager hands out.

Each track (video, audio) numbers its segments by itself from `Resume.sequence` on, without gaps. A *period* is a stretch of
media under one init segment on one unbroken timeline; a new one starts at a sequence-header change, a timestamp jump and a
reconnect, for all tracks together, and becomes EXT-X-DISCONTINUITY + EXT-X-MAP in HLS and a Period in DASH. Decode times go on
across periods without a gap or an overlap, so a recording plays as one piece.

Order per track: `TrackInit` of a period before its first `Part`; the `Part`s of a segment in order; then its
`SegmentEnd`. Media sizes: a part is one `moof`+`mdat`; a segment is the concatenation of its parts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class TrackKind(StrEnum):
    """A CMAF track. The value is part of URLs and file names."""

    VIDEO = "video"
    AUDIO = "audio"


@dataclass(frozen=True, slots=True)
class TrackInit:
    """An init segment (`ftyp`+`moov`) and what manifests say about its track.

    `codec` is the RFC 6381 string (avc1.640028, mp4a.40.2). Video has `width`, `height` and `frame_rate` (0.0 if unknown);
    audio has `sample_rate`, `channels`, and `silence`: a frame of `frame_samples` ticks without sound. `timescale` is the number of
    ticks in a second for this track's times.
    """

    track: TrackKind
    discontinuity: int
    data: bytes = field(repr=False)
    codec: str
    timescale: int
    width: int = 0
    height: int = 0
    frame_rate: float = 0.0
    sample_rate: int = 0
    channels: int = 0
    frame_samples: int = 0
    silence: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Part:
    """One `moof`+`mdat`. `decode_time` and `duration` in ticks; `independent`: starts with a keyframe (always true for audio)."""

    track: TrackKind
    discontinuity: int
    sequence: int
    index: int
    decode_time: int
    duration: int
    independent: bool
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SegmentEnd:
    """All parts of segment `sequence` are out. `duration` in ticks is the sum of theirs.

    `program_time` is the moment its first frame was taken in, in seconds since the Unix epoch (EXT-X-PROGRAM-DATE-TIME).
    """

    track: TrackKind
    discontinuity: int
    sequence: int
    decode_time: int
    duration: int
    independent: bool
    program_time: float


PackagerEvent = TrackInit | Part | SegmentEnd


@dataclass(frozen=True, slots=True)
class Resume:
    """Where a packager goes on: after a reconnect, a restart of the service or of a transcoder.

    `discontinuity` is the next one to use, `sequence` the next segment number of each track, `decode_time` the moment on the
    media timeline, in seconds, where the new period starts (at least the end of everything before it).
    `target_duration`, whole seconds, and `part_target` hold for the whole broadcast; 0 before its first segment is out.
    `program_time` is the Unix time (seconds) where what there is ends: the new period does not begin before it, whatever
    the clock says.
    """

    discontinuity: int = 0
    video_sequence: int = 0
    audio_sequence: int = 0
    decode_time: float = 0.0
    target_duration: int = 0
    program_time: float = 0.0
    part_target: float = 0.0
