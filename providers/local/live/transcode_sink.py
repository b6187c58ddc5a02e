"""The renditions that ffmpeg makes of one encoder's stream, put on the source's timeline.

The source does not depend on them: when ffmpeg dies, the source continues, and the renditions come back under a new discontinuity.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import structlog

from providers.local.codecs.errors import UnsupportedCodec
from providers.local.flv.head import is_enhanced, is_header, is_keyframe
from providers.local.flv.tag import FlvTag, TagKind, milliseconds_between
from providers.local.live.rendition import ClockReference, RenditionWriter, SegmentSink, SourceSink
from providers.local.live.transcoding import Transcoding
from providers.local.packager.cutting import PackagerSettings
from providers.local.packager.events import Resume, TrackInit
from providers.local.packager.packager import Packager
from providers.local.ports.refusals import PublishRefused, Refusal
from providers.local.storage.errors import StorageError
from providers.local.transcoder.ladder import Ladder
from providers.local.transcoder.renditions import Rendition, fitting, transcoded

log = structlog.get_logger(__name__)

MAX_STEP_BACK, MAX_REST = 1.0, 60.0
"""Seconds a transcoded run may begin before the end of what is stored (another rendition was quicker), and after it (ffmpeg
paused). Outside these limits the encoder's clock has jumped, and the run continues at the end of what is stored."""

MAX_RENDITION_PAUSE = 3600.0
"""Seconds that the video of a rendition may pause without a discontinuity: its audio, which continues, is the source's."""

MAX_DELAY_MS = 30_000
"""How far, in media time, ffmpeg may be behind the source when the source begins a discontinuity, and still follow it there."""

OLD_FFMPEG = "HEVC, AV1 and VP9 need ffmpeg 6.1 or newer on this server. Set the encoder to H.264."


class TranscodeSink:
    """Implements `providers.local.live.sinks.MainSink`."""

    def __init__(
        self,
        name: str,
        storage: SegmentSink,
        settings: PackagerSettings,
        transcoding: Transcoding,
        source: SourceSink | None,
    ) -> None:
        """Raise PublishRefused when everything would have to be transcoded and no slot is free.

        `name` is for the log, never a stream key. `source` is None where the source is not a rendition.
        """
        self._name = name
        self._storage = storage
        self._settings = settings
        self._transcoding = transcoding
        self._source = source
        self._ladder: Ladder | None = None
        self._writers: dict[str, RenditionWriter] = {}
        self._headers: dict[TagKind, FlvTag] = {}
        self._rendition_headers: dict[str, FlvTag] = {}
        self._pending: dict[str, list[FlvTag]] = {}
        """The tags of each rendition that wait for the first keyframe of its run."""
        self._behind: set[str] = set()
        """The renditions whose tags are still from before the source's newest discontinuity."""
        self._reference: ClockReference | None = None
        self._arrived = 0.0
        self._closed = False
        self.packager = Packager(settings, Resume())
        if source is None:
            if transcoding.slots.used >= transcoding.slots.limit:
                raise PublishRefused(Refusal.NO_TRANSCODE_SLOT)
            self._start_ladder(transcoded(transcoding.renditions))

    # The encoder's tags

    def feed(self, tag: FlvTag, arrived: float) -> None:
        """Hand a tag of the encoder to ffmpeg. Raises UnsupportedCodec, StorageError."""
        self._arrived = arrived
        if self._source is not None:
            if tag.kind is TagKind.SCRIPT or is_header(tag):
                self._headers[tag.kind] = tag
            if (init := self._source.pop_video_init()) is not None:
                self._follow_source(self._source, init, tag)
        elif is_enhanced(tag) and not self._transcoding.reads_enhanced_rtmp:
            raise UnsupportedCodec(OLD_FFMPEG)
        elif not self._writers:
            raise StorageError("every rendition was lost")
        if self._ladder is not None:
            self._ladder.feed(tag)

    def _follow_source(self, source: SourceSink, init: TrackInit, tag: FlvTag) -> None:
        """Put the renditions on the source's new discontinuity by their timestamps."""
        facts = source.packager
        self._reference = ClockReference(tag.timestamp, facts.video_program_time, facts.video_position)
        # What waits for its first keyframe has nothing from before the discontinuity.
        self._behind = set(self._writers) - set(self._pending)
        if self._ladder is None:
            self._start_ladder(fitting(transcoded(self._transcoding.renditions), init.width, init.height))
            if self._ladder is not None:
                # ffmpeg starts in the middle of the stream, after the headers were sent.
                for header in self._headers.values():
                    self._ladder.feed(header)

    def _start_ladder(self, renditions: Sequence[Rendition]) -> None:
        settings = replace(self._settings, lone_pause=MAX_RENDITION_PAUSE)
        self._writers = {each.name: RenditionWriter(each.name, self._storage, settings) for each in renditions}
        self._pending = {each.name: [] for each in renditions}
        also_source = [each for each in self._transcoding.renditions if each.is_source]
        self._ladder = self._transcoding.new_ladder(
            self._name,
            (*also_source, *renditions),
            on_tag=self.rendition_tag,
            on_restart=self.rendition_restarted,
            on_loss=self.renditions_lost,
        )

    # ffmpeg's tags

    def rendition_tag(self, rendition: str, tag: FlvTag) -> None:
        """Package a tag from ffmpeg. It carries the source's time, so it counts as arrived when the source's tag did."""
        writer = self._writers.get(rendition)
        if writer is None or self._closed:
            return
        try:
            if is_header(tag):
                self._rendition_headers[rendition] = tag
            elif rendition in self._behind and is_keyframe(tag) and self._reaches_reference(tag):
                self._follow(rendition)
            if rendition in self._pending and not self._begin_run(writer, tag):
                return
            arrived, _ = self._reference.at(tag.timestamp) if self._reference else (self._arrived, 0.0)
            writer.feed(tag, arrived)
        except (UnsupportedCodec, StorageError) as problem:
            log.error("rendition lost", input=self._name, rendition=rendition, problem=str(problem))
            # Only this one: the source and the other renditions do not depend on it.
            del self._writers[rendition]

    def rendition_restarted(self, rendition: str) -> None:
        """Store what is open: the rendition's next tag begins a new run of ffmpeg."""
        writer = self._writers.get(rendition)
        if writer is not None and not self._closed:
            writer.flush()
            self._pending[rendition] = []

    def renditions_lost(self) -> None:
        """Begin a discontinuity of the source, too: ffmpeg died.

        The renditions come back under a new discontinuity, and the same moment must have the same discontinuity sequence number
        in every playlist (RFC 8216 §6.2.4).
        """
        if self._source is not None:
            self._source.begin_discontinuity()

    def _begin_run(self, writer: RenditionWriter, tag: FlvTag) -> bool:
        """Hold a run's headers until its first keyframe, whose time says where on the timeline the run begins."""
        if not is_keyframe(tag):
            self._pending[writer.rendition].append(tag)
            return False
        waiting = self._pending.pop(writer.rendition)
        self._behind.discard(writer.rendition)
        arrived, decode_time = self._place(writer, tag.timestamp)
        packager = writer.begin(decode_time)
        if self._source is None and writer is self._main:
            self.packager = packager
        for each in waiting:
            writer.feed(each, arrived)
        return True

    def _place(self, writer: RenditionWriter, timestamp: int) -> tuple[float, float]:
        """Return arrival and media time of a run's first keyframe: the source's, as far as its clock is plausible."""
        reference = self._reference
        if self._source is None:
            end = self._storage.resume(writer.rendition).decode_time
            if reference is None or not -MAX_STEP_BACK <= reference.decode_time_of(timestamp) - end <= MAX_REST:
                reference = self._reference = ClockReference(timestamp, self._arrived, end)
        assert reference is not None  # noqa: S101 (the ladder starts with the source's first discontinuity)
        return reference.at(timestamp)

    def _follow(self, rendition: str) -> None:
        """Move the rendition to the source's newest discontinuity with the keyframe that comes now."""
        self.rendition_restarted(rendition)
        # ffmpeg sent it at its start and does not repeat it.
        header = self._rendition_headers.get(rendition)
        self._pending[rendition] = [] if header is None else [header]

    def _reaches_reference(self, tag: FlvTag) -> bool:
        """Whether the source had begun its newest discontinuity at the time of this tag of a rendition.

        Tags that ffmpeg still holds from before a jump of the clock do not count, whatever their timestamps.
        """
        return (
            self._reference is not None
            and not (self._ladder is not None and self._ladder.finishing)
            and 0 <= milliseconds_between(self._reference.timestamp, tag.timestamp) <= MAX_DELAY_MS
        )

    # The end

    def close(self) -> None:
        """Store what is open. What ffmpeg has not returned by now is left out. Raises StorageError."""
        self._stop()
        for writer in self._writers.values():
            writer.flush()

    def discard(self) -> None:
        """Drop what is open. Raises StorageError."""
        self._stop()
        for writer in self._writers.values():
            writer.discard()

    def _stop(self) -> None:
        # First: closing the ladder returns tags that must not be stored any more.
        self._closed = True
        if self._ladder is not None:
            self._transcoding.close(self._name, self._ladder)
            self._ladder = None

    @property
    def playable(self) -> bool:
        """The first rendition has its first segments."""
        return self._main is not None and self._main.playable

    @property
    def ready(self) -> bool:
        """All renditions have their first segments."""
        return all(writer.playable for writer in self._writers.values())

    @property
    def _main(self) -> RenditionWriter | None:
        return next(iter(self._writers.values()), None)
