"""The events that the packager returns.

Each track (video, audio) numbers its segments on its own, from `Resume` on. It leaves out the numbers of those it lacks when it
joins. A *period* is media under one init segment on a continuous timeline. A new period starts at a changed sequence header, a
timestamp jump and a reconnect, for both tracks together. In HLS it is an EXT-X-DISCONTINUITY with EXT-X-MAP, in DASH a Period.
`discontinuity` is the number of a period, which is also the discontinuity sequence number. Decode times continue across periods
without a gap or an overlap, so a recording plays as one piece.

Order per track: `TrackInit` before the first `Part` of a period; the `Part`s of a segment in order; then its `SegmentEnd`. A part
is one `moof` and `mdat`; a segment is the concatenation of its parts.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from providers.local.mp4.tracks import TrackKind


@dataclass(frozen=True, slots=True)
class TrackInit:
    """An init segment (`ftyp` and `moov`) and what manifests need to know about its track.

    `codec` is the RFC 6381 string (avc1.640028, mp4a.40.2). `timescale` is in ticks per second. Video has `width`, `height` and
    `frame_rate` (0.0 if unknown). Audio has `sample_rate`, `channels` and frames of `frame_samples` ticks.

    Players cannot start a track in the middle of a playlist. So a track that joins the other one begins at the tick `start`, after
    `missing` segments that it lacks. They are for the storage to fill with `filler`: a silent frame, or the first keyframe.
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
    filler: bytes = field(default=b"", repr=False)
    missing: int = 0
    start: int = 0


@dataclass(frozen=True, slots=True)
class Part:
    """One `moof` and `mdat`. `decode_time` and `duration` in ticks. `independent`: starts with a keyframe; true for audio."""

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
    """The end of segment `sequence`. `duration` in ticks is the sum of its parts.

    `program_time` is the arrival of its first frame in seconds since the Unix epoch (EXT-X-PROGRAM-DATE-TIME).
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
    """Where a packager continues after a reconnect, or a restart of the service or a transcoder.

    Attributes:
        discontinuity: The number of the next period.
        video_sequence: The number of the next video segment.
        audio_sequence: The number of the next audio segment.
        decode_time: Where the next period starts on the media timeline in seconds, not before the end of the last one.
        target_duration: In whole seconds, for the whole broadcast; 0 before its first segment is complete.
        program_time: The Unix time in seconds at which the last period ends. The next one does not start before it, even if the
            clock was set back.
        part_target: In seconds, for the whole broadcast; 0.0 before its first segment is complete.
        video_missing: The number of the newest audio segments that belong to later periods than all video.
        audio_missing: The number of the newest video segments that belong to later periods than all audio.
    """

    discontinuity: int = 0
    video_sequence: int = 0
    audio_sequence: int = 0
    decode_time: float = 0.0
    target_duration: int = 0
    program_time: float = 0.0
    part_target: float = 0.0
    video_missing: int = 0
    audio_missing: int = 0
