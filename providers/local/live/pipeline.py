"""From one encoder's tags to the storage: a packager for the source and one for each rendition ffmpeg makes of it.

A pipeline lives as long as its encoder's connection; the next one of the same broadcast goes on where it stopped. Passthrough does
not depend on the renditions: when ffmpeg dies, the source goes on, and the renditions come back under a new period.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import structlog

from providers.base import Spawn
from providers.health import RefusalKind
from providers.local.codecs.errors import UnsupportedCodec
from providers.local.flv.head import is_enhanced, is_header, is_keyframe
from providers.local.flv.tag import FlvTag, TagKind, milliseconds_between
from providers.local.live.refusals import MediaRefused, PublishRefused, Refusal
from providers.local.live.rendition import Anchor, RenditionWriter, SegmentSink
from providers.local.packager.cutting import PackagerSettings
from providers.local.packager.events import Resume, TrackInit, TrackKind
from providers.local.packager.packager import Packager
from providers.local.storage.errors import StorageError
from providers.local.transcoder.ladder import Ladder
from providers.local.transcoder.renditions import Rendition, fitting, transcoded
from providers.local.transcoder.slots import TranscodeSlots

log = structlog.get_logger(__name__)

SOURCE = "source"

LADDER_GRACE = 3.0
"""Seconds players are kept waiting for the renditions' first segments once the source's is there: whoever comes before that
would be shown a multivariant playlist with the source alone, for as long as he watches."""

MAX_STEP_BACK, MAX_REST = 1.0, 60.0
"""Seconds a normalised run may begin before the end of what there is (another rendition was quicker), and after it (ffmpeg
rested). Beyond, the encoder's clock was set anew, and the run follows what there is."""

MAX_RENDITION_PAUSE = 3600.0
"""Seconds that the video of a rendition may pause in one period: the audio, which goes on, is the source's."""

MAX_DELAY_MS = 30_000
"""How far, in media time, ffmpeg may be behind the source when this begins a period, and still follow it into that."""

OLD_FFMPEG = "HEVC, AV1 and VP9 need ffmpeg 6.1 or newer on this server. Set the encoder to H.264."


def unsupported(codec: UnsupportedCodec) -> MediaRefused:
    """What the encoder is answered."""
    return MediaRefused(RefusalKind.CODEC, codec.description)


@dataclass(frozen=True, slots=True)
class Transcoding:
    """What ffmpeg makes of every stream: the renditions of CONFERENCE_RENDITIONS, and the places for it."""

    renditions: tuple[Rendition, ...]
    slots: TranscodeSlots
    spawn: Spawn
    reads_enhanced_rtmp: bool = False
    """This ffmpeg understands HEVC, AV1 and VP9 in FLV (since 6.1)."""
    _closing: set[asyncio.Task[None]] = field(default_factory=set)

    def close(self, name: str, ladder: Ladder) -> None:
        """End a ladder in the background."""
        task = self.spawn(ladder.aclose(), name=f"close the transcoder of {name}")
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def aclose(self) -> None:
        """Wait for the ladders that are being ended; each bounds its own end."""
        await asyncio.gather(*self._closing, return_exceptions=True)

    @property
    def passthrough(self) -> bool:
        """The source itself is a rendition."""
        return any(each.is_source for each in self.renditions)


class Pipeline:
    """One encoder's stretch of a broadcast."""

    def __init__(self, name: str, storage: SegmentSink, settings: PackagerSettings, transcoding: Transcoding) -> None:
        """`name` is for the log, never a stream key. Raises PublishRefused when everything would have to be transcoded and no
        slot is free."""
        self._name = name
        self._storage = storage
        self._settings = settings
        self._transcoding = transcoding
        self._ladder: Ladder | None = None
        self._lanes: dict[str, RenditionWriter] = {}
        self._headers: dict[TagKind, FlvTag] = {}
        self._rendition_headers: dict[str, FlvTag] = {}
        self._pending: dict[str, list[FlvTag]] = {}
        self._behind: set[str] = set()
        self._anchor: Anchor | None = None
        self._arrived = 0.0
        self._playable_since: float | None = None
        self._closed = self._renditions_lost = False
        self._transcodes = bool(transcoded(transcoding.renditions))
        self._facts = Packager(settings, Resume())
        self._source: RenditionWriter | None = None
        if transcoding.passthrough:
            self._source = RenditionWriter(SOURCE, storage, settings)
            self._facts = self._source.begin()
        else:
            if transcoding.slots.used >= transcoding.slots.limit:
                raise PublishRefused(Refusal.NO_TRANSCODE_SLOT)
            self._start_ladder(transcoded(transcoding.renditions))

    # Tags in

    def take(self, tag: FlvTag, arrived: float) -> None:
        """Package a tag that arrived at `arrived` (Unix seconds). Raises PublishRefused when it cannot be carried."""
        self._arrived = arrived
        try:
            if self._source is not None:
                self._passthrough(self._source, tag, arrived)
            elif is_enhanced(tag) and not self._transcoding.reads_enhanced_rtmp:
                raise UnsupportedCodec(OLD_FFMPEG)
            elif not self._lanes:
                raise StorageError("every rendition was lost")
            if self._ladder is not None:
                self._ladder.feed(tag)
        except UnsupportedCodec as refused:
            raise unsupported(refused) from refused
        except StorageError as full:
            log.error("storage failed", input=self._name, problem=str(full))
            raise PublishRefused(Refusal.STORAGE_FAILED) from full

    def _passthrough(self, source: RenditionWriter, tag: FlvTag, arrived: float) -> None:
        if self._renditions_lost and is_keyframe(tag):
            # They come back under a new period, and the same moment must have the same number in every playlist (RFC 8216
            # 6.2.4): so the source begins one, too, before they are back.
            self._renditions_lost = False
            source.interrupt()
        events = source.take(tag, arrived)
        if not self._transcodes:
            return
        if tag.kind is TagKind.SCRIPT or is_header(tag):
            self._headers[tag.kind] = tag
        for event in events:
            if isinstance(event, TrackInit) and event.track is TrackKind.VIDEO:
                self._begin_period(event, tag)

    def _begin_period(self, init: TrackInit, tag: FlvTag) -> None:
        """The source's timeline starts anew; the renditions are put on it by their timestamps."""
        self._anchor = Anchor(tag.timestamp, self._facts.video_program_time, self._facts.video_position)
        self._behind = set(self._lanes) - set(self._pending)
        if self._ladder is None:
            self._start_ladder(fitting(transcoded(self._transcoding.renditions), init.width, init.height))
            if self._ladder is not None:
                for header in self._headers.values():
                    self._ladder.feed(header)

    # Renditions

    def _start_ladder(self, renditions: Sequence[Rendition]) -> None:
        settings = replace(self._settings, lone_pause=MAX_RENDITION_PAUSE)
        self._lanes = {each.name: RenditionWriter(each.name, self._storage, settings) for each in renditions}
        self._pending = {each.name: [] for each in renditions}
        also_source = [each for each in self._transcoding.renditions if each.is_source]
        self._ladder = Ladder(
            self._name,
            (*also_source, *renditions),
            spawn=self._transcoding.spawn,
            slots=self._transcoding.slots,
            on_tag=self._rendition_tag,
            on_restart=self._rendition_restarted,
            on_loss=self._lose_renditions,
        )

    def _rendition_tag(self, rendition: str, tag: FlvTag) -> None:
        """A tag from ffmpeg. It carries the source's time, so it counts as arrived when the source's tag did."""
        lane = self._lanes.get(rendition)
        if lane is None or self._closed:
            return
        try:
            if is_header(tag):
                self._rendition_headers[rendition] = tag
            elif rendition in self._behind and is_keyframe(tag) and self._reaches_anchor(tag):
                self._follow(rendition)
            if rendition in self._pending and not self._begin_lane(lane, tag):
                return
            arrived, _ = self._anchor.at(tag.timestamp) if self._anchor else (self._arrived, 0.0)
            lane.take(tag, arrived)
        except (UnsupportedCodec, StorageError) as problem:
            log.error("rendition lost", input=self._name, rendition=rendition, problem=str(problem))
            del self._lanes[rendition]

    def _begin_lane(self, lane: RenditionWriter, tag: FlvTag) -> bool:
        """A run's headers wait for its first keyframe, whose time says where on the timeline the run begins."""
        if not is_keyframe(tag):
            self._pending[lane.rendition].append(tag)
            return False
        waiting = self._pending.pop(lane.rendition)
        self._behind.discard(lane.rendition)
        arrived, decode_time = self._placed(lane, tag.timestamp)
        packager = lane.begin(decode_time)
        if self._source is None and lane is self._main:
            self._facts = packager
        for each in waiting:
            lane.take(each, arrived)
        return True

    def _placed(self, lane: RenditionWriter, timestamp: int) -> tuple[float, float]:
        """Arrival and media time of a run's first keyframe: the source's, as far as its clock can be believed."""
        anchor = self._anchor
        if self._source is None:
            end = self._storage.resume(lane.rendition).decode_time
            if anchor is None or not -MAX_STEP_BACK <= anchor.decode_time_of(timestamp) - end <= MAX_REST:
                anchor = self._anchor = Anchor(timestamp, self._arrived, end)
        assert anchor is not None  # noqa: S101 (the ladder starts with the source's first period)
        return anchor.at(timestamp)

    def _rendition_restarted(self, rendition: str) -> None:
        lane = self._lanes.get(rendition)
        if lane is not None and not self._closed:
            lane.flush()
            self._pending[rendition] = []

    def _follow(self, rendition: str) -> None:
        """Go into the source's newest period with the keyframe that comes now."""
        self._rendition_restarted(rendition)
        header = self._rendition_headers.get(rendition)
        self._pending[rendition] = [] if header is None else [header]

    def _reaches_anchor(self, tag: FlvTag) -> bool:
        """Whether the source had begun its newest period at the moment of this tag of a rendition.

        What ffmpeg still has from before a jump never did, whatever its time, which is of another clock.
        """
        return (
            self._anchor is not None
            and not (self._ladder is not None and self._ladder.finishing)
            and 0 <= milliseconds_between(self._anchor.timestamp, tag.timestamp) <= MAX_DELAY_MS
        )

    def _lose_renditions(self) -> None:
        self._renditions_lost = self._source is not None

    # The end

    def close(self) -> None:
        """The encoder is gone: put the rest on the storage. What ffmpeg has not handed out by now is left out."""
        self._stop(RenditionWriter.flush)

    def discard(self) -> None:
        """The encoder was refused: drop the segments that are open."""
        self._stop(RenditionWriter.discard)

    def _stop(self, leave: Callable[[RenditionWriter], None]) -> None:
        if self._ladder is not None:
            self._transcoding.close(self._name, self._ladder)
            self._ladder = None
        try:
            for lane in self._all():
                leave(lane)
        except StorageError as full:
            log.error("storage failed", input=self._name, problem=str(full))
        self._closed = True

    # What players and the countdown want to know

    @property
    def started(self) -> bool:
        """Media that can be packaged has arrived."""
        return self._facts.started

    @property
    def shown(self) -> bool:
        """There is something to play."""
        main = self._main
        return main is not None and main.playable

    @property
    def watchable(self) -> bool:
        """A player that comes now finds everything it will be offered (or the renditions are taking too long)."""
        if not self.shown:
            return False
        if self._playable_since is None:
            self._playable_since = self._arrived
        late = self._arrived - self._playable_since >= LADDER_GRACE
        return late or all(lane.playable for lane in self._lanes.values())

    @property
    def media_seconds(self) -> float:
        """Media time since the first keyframe, by the encoder's timestamps."""
        return self._facts.media_seconds_since_first_keyframe

    @property
    def keyframe_interval(self) -> float | None:
        """The typical one as measured, in seconds."""
        return self._facts.typical_keyframe_interval

    @property
    def seconds_apart(self) -> float:
        """How far the audio's timestamps are ahead of the video's, where each track has a clock of its own."""
        return self._facts.seconds_apart

    @property
    def audio_late(self) -> float:
        """Seconds that audio arrives after its video, if that is too late for it to be kept."""
        return self._facts.audio_late

    @property
    def frame_rate(self) -> float | None:
        """From onMetaData or the SPS; None if the encoder did not say."""
        return self._facts.frame_rate

    @property
    def _main(self) -> RenditionWriter | None:
        return self._source or next(iter(self._lanes.values()), None)

    def _all(self) -> list[RenditionWriter]:
        return ([self._source] if self._source is not None else []) + list(self._lanes.values())
