"""A packager without an encoder: events with true times and fragments that parse, for tests of what comes after it."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from datetime import UTC, datetime

from providers.base import LatencyMode
from providers.local.mp4.tracks import TrackKind
from providers.local.packager.events import PackagerEvent, Part, Resume, SegmentEnd, TrackInit
from providers.local.storage.index import BroadcastInfo
from providers.local.storage.port import BroadcastFiles

EPOCH = 1_790_000_000.0
UID = "ab" * 16
INPUT = "cd" * 16

FRESH = Resume()

TIMESCALES = {TrackKind.VIDEO: 90_000, TrackKind.AUDIO: 48_000}


def info(uid: str = UID, mode: LatencyMode = LatencyMode.STANDARD, **more: object) -> BroadcastInfo:
    """Return a broadcast that began at EPOCH."""
    fields = {"part_target": 0.5} | more
    return BroadcastInfo(uid, INPUT, "Lesson", datetime.fromtimestamp(EPOCH, UTC), mode, **fields)  # type: ignore[arg-type]


def media_size(files: BroadcastFiles, prefix: str = "") -> int:
    """Bytes of all segments in the storage whose names begin with `prefix`."""
    return sum(files.size(name) or 0 for name in files.names() if name.startswith(prefix) and name.endswith(".m4s"))


def box(kind: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def init_segment() -> bytes:
    trex = box(b"trex", struct.pack(">IIIIII", 0, 1, 1, 0, 0, 0))
    return box(b"ftyp", b"iso6\0\0\0\0") + box(b"moov", box(b"mvex", trex))


def fragment(decode_time: int, duration: int, independent: bool, size: int) -> bytes:
    """One sample of `size` bytes."""
    flags = 0x02000000 if independent else 0x01010000
    traf = box(
        b"traf",
        box(b"tfhd", struct.pack(">II", 0x20000, 1)),
        box(b"tfdt", struct.pack(">IQ", 0x01000000, decode_time)),
        box(b"trun", struct.pack(">IIiIII", 0x701, 1, 0, duration, size, flags)),
    )
    moof = box(b"moof", box(b"mfhd", struct.pack(">II", 0, 1)), traf)
    return moof + box(b"mdat", bytes(size))


class SimulatedPackager:
    """Hands out segments of both tracks (or of `tracks`), in step."""

    def __init__(
        self, resume: Resume = FRESH, *, tracks: tuple[TrackKind, ...] = tuple(TrackKind), at: float = EPOCH
    ) -> None:
        self.discontinuity = resume.discontinuity
        self.sequences = {TrackKind.VIDEO: resume.video_sequence, TrackKind.AUDIO: resume.audio_sequence}
        self.times = {kind: round(resume.decode_time * TIMESCALES[kind]) for kind in TrackKind}
        self.wall = at
        self.tracks = tracks
        self._begun = False

    def restart(self, gap: float = 0.0) -> None:
        """Start a new period, `gap` seconds of wall clock later."""
        self.discontinuity += 1
        self.wall += gap
        self._begun = False
        latest = max(self.times[kind] / TIMESCALES[kind] for kind in self.tracks)
        self.times = {kind: round(latest * TIMESCALES[kind]) for kind in TrackKind}

    def inits(self) -> Iterator[TrackInit]:
        self._begun = True
        for kind in self.tracks:
            video = kind is TrackKind.VIDEO
            yield TrackInit(
                kind,
                self.discontinuity,
                init_segment(),
                "avc1.64001f" if video else "mp4a.40.2",
                TIMESCALES[kind],
                width=1280 if video else 0,
                height=720 if video else 0,
                frame_rate=30.0 if video else 0.0,
                sample_rate=0 if video else 48_000,
                channels=0 if video else 2,
                frame_samples=0 if video else 1024,
                filler=b"" if video else bytes(6),
            )

    def segment(
        self, seconds: float = 2.0, parts: int = 4, size: int = 100, *, independent: bool = True
    ) -> Iterator[PackagerEvent]:
        """One segment of each track, interleaved part by part; before the first of a period its init segments."""
        if not self._begun:
            yield from self.inits()
        begun = dict(self.times)
        for index in range(parts):
            for kind in self.tracks:
                yield self._part(kind, index, int(seconds * TIMESCALES[kind] / parts), size, independent)
        for kind in self.tracks:
            yield SegmentEnd(
                kind,
                self.discontinuity,
                self.sequences[kind],
                begun[kind],
                self.times[kind] - begun[kind],
                independent or kind is TrackKind.AUDIO,
                self.wall,
            )
            self.sequences[kind] += 1
        self.wall += seconds

    def _part(self, kind: TrackKind, index: int, duration: int, size: int, independent: bool) -> Part:
        time = self.times[kind]
        self.times[kind] += duration
        alone = kind is TrackKind.AUDIO or (index == 0 and independent)
        data = fragment(time, duration, alone, size)
        return Part(kind, self.discontinuity, self.sequences[kind], index, time, duration, alone, data)
