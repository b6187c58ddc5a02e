"""One rendition: its packager, and which of its tracks can be played. The source, as the encoder sent it, is one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import structlog

from providers.local.codecs.errors import MalformedMedia
from providers.local.flv.head import is_keyframe
from providers.local.flv.tag import FlvTag, milliseconds_between
from providers.local.mp4.tracks import TrackKind
from providers.local.packager.cutting import PackagerSettings
from providers.local.packager.events import PackagerEvent, Resume, SegmentEnd, TrackInit
from providers.local.packager.packager import Packager
from providers.local.transcoder.renditions import SOURCE_NAME

log = structlog.get_logger(__name__)


class SegmentSink(Protocol):
    """The storage of a broadcast's media: `storage.broadcast.Broadcast`."""

    def write(self, rendition: str, event: PackagerEvent) -> None:
        """Store an event of a rendition's packager. Raises StorageError."""

    def promise(self, target_duration: int, part_target: float) -> None:
        """Declare the longest segment (whole seconds) and the longest part (seconds). Raises StorageError."""

    def close_open(self, rendition: str) -> None:
        """Close the segments of a rendition that are open, with their listed parts. Raises StorageError."""

    def resume(self, rendition: str, *, joins: bool = True) -> Resume:
        """Return where the rendition's next packager continues; `joins` the others' newest period, or begins one for all."""


@dataclass(frozen=True, slots=True)
class ClockReference:
    """One moment on three clocks: the encoder's timestamp (ms), arrival (Unix seconds), the media timeline (seconds)."""

    timestamp: int
    arrived: float
    decode_time: float

    def at(self, timestamp: int) -> tuple[float, float]:
        """Return arrival and media time of another timestamp."""
        decode_time = self.decode_time_of(timestamp)
        return self.arrived + decode_time - self.decode_time, max(0.0, decode_time)

    def decode_time_of(self, timestamp: int) -> float:
        """Return the media time of another timestamp; negative before the beginning."""
        return self.decode_time + milliseconds_between(self.timestamp, timestamp) / 1000


class RenditionWriter:
    """Packages one rendition and knows which of its tracks can be played."""

    def __init__(self, rendition: str, storage: SegmentSink, settings: PackagerSettings) -> None:
        self.rendition = rendition
        self._storage = storage
        self._settings = settings
        self._tracks: set[TrackKind] = set()
        self._listed: set[TrackKind] = set()
        self.packager: Packager | None = None

    def begin(self, decode_time: float | None = None) -> Packager:
        """Go on under a new period, at `decode_time` on the timeline (seconds) or after everything there is."""
        resume = self._storage.resume(self.rendition, joins=decode_time is not None)
        if decode_time is not None:
            resume = replace(resume, decode_time=decode_time)
        self.packager = Packager(self._settings, resume)
        return self.packager

    def feed(self, tag: FlvTag, arrived: float) -> list[PackagerEvent]:
        """Package a tag. A malformed one is dropped. Raises UnsupportedCodec, StorageError."""
        packager = self.packager or self.begin()
        try:
            events = packager.feed(tag, arrived)
        except MalformedMedia as fault:
            log.info("malformed media", rendition=self.rendition, fault=str(fault))
            return []
        if events:
            self._store(packager, events)
        return events

    def interrupt(self) -> None:
        """Close what is open; the next tag begins a period of the same packager."""
        if self.packager is not None:
            self._store(self.packager, self.packager.flush())

    def flush(self) -> None:
        """Store what is open; the writer may begin again."""
        self.interrupt()
        self.packager = None

    def discard(self) -> None:
        """Drop what the packager holds. What it has written is listed."""
        self.packager = None
        self._storage.close_open(self.rendition)

    def _store(self, packager: Packager, events: Sequence[PackagerEvent]) -> None:
        if packager.target_duration:
            self._storage.promise(packager.target_duration, packager.part_target)
        for event in events:
            self._storage.write(self.rendition, event)
            if isinstance(event, TrackInit):
                self._tracks.add(event.track)
            elif isinstance(event, SegmentEnd):
                self._listed.add(event.track)

    @property
    def playable(self) -> bool:
        """Every track that exists or was announced has its first segment."""
        if self.packager is not None and self.packager.awaits_audio:
            return False
        return bool(self._tracks) and self._tracks == self._listed


class SourceSink:
    """The source, packaged without transcoding. Implements `providers.local.live.sinks.MainSink`."""

    def __init__(self, storage: SegmentSink, settings: PackagerSettings) -> None:
        self._writer = RenditionWriter(SOURCE_NAME, storage, settings)
        self._video_init: TrackInit | None = None
        self._interrupts = False
        self.packager = self._writer.begin()

    def feed(self, tag: FlvTag, arrived: float) -> None:
        """Package a tag. Raises UnsupportedCodec, StorageError."""
        # Not before: a period can only begin with a frame that can be decoded alone.
        if self._interrupts and is_keyframe(tag):
            self._interrupts = False
            self._writer.interrupt()
        for event in self._writer.feed(tag, arrived):
            if isinstance(event, TrackInit) and event.track is TrackKind.VIDEO:
                self._video_init = event

    def pop_video_init(self) -> TrackInit | None:
        """Return the init of the video track if it has begun a discontinuity since the last call."""
        init, self._video_init = self._video_init, None
        return init

    def begin_discontinuity(self) -> None:
        """Begin a discontinuity at the next keyframe."""
        self._interrupts = True

    def close(self) -> None:
        """Store what is open. Raises StorageError."""
        self._writer.flush()

    def discard(self) -> None:
        """Drop what is open. Raises StorageError."""
        self._writer.discard()

    @property
    def playable(self) -> bool:
        """Every track has its first segment."""
        return self._writer.playable

    @property
    def ready(self) -> bool:
        """Every track has its first segment."""
        return self._writer.playable
