"""From one encoder's tags to the storage, through a list of sinks: the source's packager and the transcoder.

A pipeline lives as long as its encoder's connection. The next one of the same broadcast continues where it stopped.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

import structlog

from providers.health import RefusalKind
from providers.local.codecs.errors import UnsupportedCodec
from providers.local.flv.tag import FlvTag
from providers.local.live.rendition import SegmentSink, SourceSink
from providers.local.live.sinks import MainSink, TagSink
from providers.local.live.transcode_sink import TranscodeSink
from providers.local.live.transcoding import Transcoding
from providers.local.packager.cutting import PackagerSettings
from providers.local.ports.refusals import MediaRefused, PublishRefused, Refusal
from providers.local.storage.errors import StorageError
from providers.local.transcoder.renditions import transcoded

log = structlog.get_logger(__name__)

LADDER_GRACE = 3.0
"""Seconds that players wait for the renditions' first segments once the source's is there. A player that came earlier would get
a multivariant playlist with the source alone, and would keep it."""


def unsupported(codec: UnsupportedCodec) -> MediaRefused:
    """Return the refusal for a codec that cannot be carried."""
    return MediaRefused(RefusalKind.CODEC, codec.description)


def build_pipeline(name: str, storage: SegmentSink, settings: PackagerSettings, transcoding: Transcoding) -> Pipeline:
    """Make the pipeline for one encoder: passthrough, renditions, or both.

    Args:
        name: A name for the log, never a stream key.
        storage: The broadcast that stores the media.
        settings: How the packagers cut segments and parts.
        transcoding: The renditions to make.

    Raises:
        PublishRefused: Everything would have to be transcoded, and no slot is free.
    """
    if not transcoding.passthrough:
        return Pipeline(name, TranscodeSink(name, storage, settings, transcoding, None))
    source = SourceSink(storage, settings)
    if not transcoded(transcoding.renditions):
        return Pipeline(name, source)
    return Pipeline(name, source, TranscodeSink(name, storage, settings, transcoding, source))


class Pipeline:
    """One encoder's part of a broadcast."""

    def __init__(self, name: str, main: MainSink, *others: TagSink) -> None:
        """Write every tag to `main`, then to `others` in their order. `name` is for the log, never a stream key."""
        self._name = name
        self._main = main
        self._sinks: tuple[TagSink, ...] = (main, *others)
        self._arrived = 0.0
        self._playable_since: float | None = None

    def feed(self, tag: FlvTag, arrived: float) -> None:
        """Write a tag that arrived at `arrived` (Unix seconds) to all sinks. Raises PublishRefused if it cannot be carried."""
        self._arrived = arrived
        try:
            # The main one first: the others take their discontinuities from it.
            for sink in self._sinks:
                sink.feed(tag, arrived)
        except UnsupportedCodec as refused:
            raise unsupported(refused) from refused
        except StorageError as full:
            log.error("storage failed", input=self._name, problem=str(full))
            raise PublishRefused(Refusal.STORAGE_FAILED) from full

    def close(self) -> None:
        """Store what is open: the encoder has left."""
        self._leave([sink.close for sink in self._sinks])

    def discard(self) -> None:
        """Drop the open segments: the encoder was refused."""
        self._leave([sink.discard for sink in self._sinks])

    def _leave(self, leaves: list[Callable[[], None]]) -> None:
        """Call all of them, even if one raises."""
        with ExitStack() as stack:
            for leave in reversed(leaves):
                stack.callback(self._log_failure, leave)

    def _log_failure(self, leave: Callable[[], None]) -> None:
        try:
            leave()
        except StorageError as full:
            log.error("storage failed", input=self._name, problem=str(full))

    @property
    def started(self) -> bool:
        """Media that can be packaged has arrived."""
        return self._main.packager.started

    @property
    def shown(self) -> bool:
        """The main rendition can be played."""
        return self._main.playable

    @property
    def watchable(self) -> bool:
        """A new player finds everything that it will be offered, or the renditions are taking too long."""
        if not self.shown:
            return False
        if self._playable_since is None:
            self._playable_since = self._arrived
        late = self._arrived - self._playable_since >= LADDER_GRACE
        return late or all(sink.ready for sink in self._sinks)

    @property
    def media_seconds(self) -> float:
        """Media time since the first keyframe, in seconds by the encoder's timestamps."""
        return self._main.packager.media_seconds_since_first_keyframe

    @property
    def keyframe_interval(self) -> float | None:
        """The typical keyframe interval as measured, in seconds."""
        return self._main.packager.typical_keyframe_interval

    @property
    def seconds_apart(self) -> float:
        """Seconds that the audio's timestamps are ahead of the video's, where each track has a clock of its own."""
        return self._main.packager.seconds_apart

    @property
    def audio_late(self) -> float:
        """Seconds that audio arrives after its video, if that is too late for it to be kept."""
        return self._main.packager.audio_late

    @property
    def frame_rate(self) -> float | None:
        """Frames per second from onMetaData or the SPS; None if neither says."""
        return self._main.packager.frame_rate
