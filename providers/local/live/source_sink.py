"""The source as the encoder sent it, packaged without transcoding."""

from __future__ import annotations

from providers.local.flv.head import is_keyframe
from providers.local.flv.tag import FlvTag
from providers.local.live.rendition import RenditionWriter, SegmentSink
from providers.local.mp4.tracks import TrackKind
from providers.local.packager.cutting import PackagerSettings
from providers.local.packager.events import TrackInit
from providers.local.transcoder.renditions import SOURCE_NAME


class SourceSink:
    """Implements `providers.local.live.sinks.MainSink`."""

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
