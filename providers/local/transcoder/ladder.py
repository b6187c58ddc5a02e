"""The ABR ladder of one broadcast, and the normaliser: FLV tags in, FLV tags per rendition out, through one ffmpeg.

With `source` among the renditions ffmpeg encodes video only; all renditions share the source's audio. Without it (the
normaliser) the first rendition carries audio too, as AAC. The passthrough stream is independent of ffmpeg: `feed` queues or
drops tags without waiting, and when ffmpeg dies it is restarted at the next keyframe.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog

from providers.base import Spawn
from providers.local.flv.file import FlvError, FlvReader, flv_header, serialize
from providers.local.flv.head import is_header
from providers.local.flv.tag import FlvTag, TagKind, milliseconds_between
from providers.local.transcoder.backlog import Backlog
from providers.local.transcoder.command import ladder_arguments
from providers.local.transcoder.process import Child, StopLimits, start_child
from providers.local.transcoder.renditions import Rendition, transcoded
from providers.local.transcoder.slots import TranscodeSlots
from providers.supervisor import ProcessState, RestartPolicy, Supervisor

log = structlog.get_logger(__name__)

JUMP_MS = 5_000
"""A larger step of the timestamps, forward or backward, starts a new run: ffmpeg would distort the timeline."""

STEP_BACK_MS = 1_000
"""The same for a step back if only video is fed, as in the packager: ffmpeg would drop frames until they catch up."""

MAX_RUN_MS = 2**30
"""The longest media time of one run, 12 days: ffmpeg writes timestamps of 31 bits only."""

AUDIO_WAIT_MS = 1_000
"""Media time that the normaliser waits for the audio header after the first keyframe before it starts without audio."""

LEAD_MS = 1_000
"""The first timestamp that ffmpeg gets, so that media just before the first keyframe (AAC priming) is not negative."""

_MASK = 0xFFFF_FFFF

OnTag = Callable[[str, FlvTag], None]
OnRestart = Callable[[str], None]
OnLoss = Callable[[], None]


class Ladder:
    """Encodes `renditions` from the tags that are fed. `name` is for the log and must not be a stream key.

    A source among `renditions` is ignored. A change of resolution is followed; video is never scaled up.

    Args:
        on_tag: Called with (rendition, tag) for each encoded tag at once, headers first. Presentation times equal the source's to
            the millisecond, keyframes are at the source's. There are no B-frames, so timestamps are presentation times.
        on_restart: Called with the rendition before the first tag of each run but the first: a discontinuity, later on the same
            timeline.
        on_loss: Called when a run that had begun ended although the source continues.
        policy: Limits of stalls and restarts.
        backlog: The queue with its limits.
        stop_limits: How long the stages of ending ffmpeg take.

    None of the callbacks may raise.
    """

    def __init__(
        self,
        name: str,
        renditions: Sequence[Rendition],
        *,
        spawn: Spawn,
        slots: TranscodeSlots,
        on_tag: OnTag,
        on_restart: OnRestart,
        on_loss: OnLoss,
        policy: RestartPolicy | None = None,
        backlog: Backlog | None = None,
        stop_limits: StopLimits | None = None,
    ) -> None:
        self._log = log.bind(transcoder=name)
        self._backlog = Backlog() if backlog is None else backlog  # an empty one is false
        self._work = _Transcode(name, renditions, self._backlog, slots, on_tag, on_restart, on_loss, stop_limits)
        self._supervisor = Supervisor(f"transcoder {name}", self._work, spawn=spawn, policy=policy)
        self._work.supervisor = self._supervisor
        self._newest: int | None = None

    @property
    def state(self) -> ProcessState:
        """The state of ffmpeg."""
        return self._supervisor.state

    @property
    def pid(self) -> int | None:
        """The process id of ffmpeg; None while it does not run."""
        process = self._supervisor.process
        return None if process is None else process.pid

    @property
    def finishing(self) -> bool:
        """Whether the output is the rest of a run that was cut off. Another run follows, with the newer input."""
        return self._work.finishing

    def feed(self, tag: FlvTag) -> None:
        """Queue one message of the encoder. Never wait or fail; drop whole groups of pictures when ffmpeg is slow."""
        if self.state is ProcessState.CLOSED or (tag.kind is TagKind.AUDIO and not self._work.audio):
            return
        if tag.kind is TagKind.SCRIPT or is_header(tag):
            if self._work.remember(tag):
                self._restart_run()
            return
        if self._jumped(tag.timestamp):
            self._restart_run()
        dropped = self._backlog.dropped
        self._backlog.push(tag)
        if self._backlog.dropped > dropped:
            self._log.warning("transcoder too slow, frames dropped", tags=self._backlog.dropped - dropped)
        self._work.fed()

    async def aclose(self) -> None:
        """Deliver the remaining output and end ffmpeg, within `supervisor.CLOSE_TIMEOUT`. Safe to call twice."""
        await self._supervisor.aclose()

    def _jumped(self, timestamp: int) -> bool:
        newest, self._newest = self._newest, timestamp
        step = 0 if newest is None else milliseconds_between(newest, timestamp)
        if not -(JUMP_MS if self._work.audio else STEP_BACK_MS) <= step <= JUMP_MS:
            return True
        too_old = self._work.too_old(timestamp)
        if too_old:
            self._work.lost()
        return too_old

    def _restart_run(self) -> None:
        self._work.cut()
        self._supervisor.renew()


@dataclass(slots=True)
class _Run:
    """One ffmpeg process from start to end. `origin` is the timestamp that it gets as 0; None before the first frame."""

    origin: int | None = None
    begun: set[str] = field(default_factory=set)

    def encode(self, tags: Sequence[FlvTag]) -> bytes:
        """Serialize tags as FLV for ffmpeg, with timestamps relative to `origin`."""
        if self.origin is None and tags:
            self.origin = tags[0].timestamp - LEAD_MS & _MASK
        origin = self.origin or 0
        return b"".join(serialize(tag._replace(timestamp=tag.timestamp - origin & _MASK)) for tag in tags)

    def restore(self, tag: FlvTag) -> FlvTag:
        """Return ffmpeg's tag with the source's timestamp. Headers have none, so they get the start of the run."""
        timestamp = tag.timestamp
        if tag.kind is TagKind.SCRIPT or is_header(tag):
            timestamp = max(timestamp, LEAD_MS)
        return tag._replace(timestamp=timestamp + (self.origin or 0) & _MASK)


class _Transcode:
    """The ladder's side of the supervisor: `supervisor.Work`."""

    supervisor: Supervisor[Child]

    def __init__(
        self,
        name: str,
        renditions: Sequence[Rendition],
        backlog: Backlog,
        slots: TranscodeSlots,
        on_tag: OnTag,
        on_restart: OnRestart,
        on_loss: OnLoss,
        stop_limits: StopLimits | None,
    ) -> None:
        self._name = name
        self._renditions = transcoded(renditions)
        self.audio = len(self._renditions) == len(renditions)
        self._backlog = backlog
        self._slots = slots
        self._holds_slot = False
        self._on_tag = on_tag
        self._on_restart = on_restart
        self._on_loss = on_loss
        self._stop_limits = stop_limits
        self._headers: dict[TagKind, FlvTag] = {}
        self._first_frame: int | None = None
        self._startable = asyncio.Event()
        self._tail: list[FlvTag] = []
        self._seen: set[str] = set()
        self._run = _Run()
        self.finishing = False

    def remember(self, header: FlvTag) -> bool:
        """Store a header. Return whether it makes a new run necessary."""
        before = self._headers.get(header.kind)
        self._headers[header.kind] = header._replace(timestamp=0)
        if header.kind is TagKind.SCRIPT:
            return False
        if before is None:
            # Late audio is no reason for a new run as long as none has begun.
            return header.kind is TagKind.VIDEO or self._backlog.flowing
        return before.payload != header.payload

    def fed(self) -> None:
        """Handle a new tag in the backlog."""
        if len(self._backlog) == 0:
            return
        newest = self._backlog.newest
        if self._first_frame is None:
            self._first_frame = newest
        waited = milliseconds_between(self._first_frame, newest) >= AUDIO_WAIT_MS
        if TagKind.VIDEO in self._headers and (not self.audio or TagKind.AUDIO in self._headers or waited):
            self._startable.set()
        if self._backlog.flowing:
            self.supervisor.watchdog.input_seen(asyncio.get_running_loop().time())

    def too_old(self, timestamp: int) -> bool:
        """Return whether the run is close to the largest timestamp that ffmpeg can write."""
        origin = self._run.origin
        return self._backlog.flowing and origin is not None and milliseconds_between(origin, timestamp) > MAX_RUN_MS

    def cut(self) -> None:
        """Keep later tags for the next run."""
        if self._backlog.flowing:
            self._tail = self._backlog.pop_all()
            self.finishing = True
        self._backlog.flowing = False
        self._backlog.clear()

    async def ready(self) -> None:
        if not self._holds_slot:
            await self._slots.acquire(self._name)
            self._holds_slot = True
        await self._startable.wait()
        await self._backlog.filled()

    async def start(self) -> Child:
        self._run = run = _Run()
        self._tail = []
        self.finishing = False
        self._backlog.flowing = True
        audio = self.audio and TagKind.AUDIO in self._headers  # otherwise ffmpeg would wait for audio
        kinds = (TagKind.SCRIPT, TagKind.AUDIO, TagKind.VIDEO) if audio else (TagKind.SCRIPT, TagKind.VIDEO)
        headers = [serialize(self._headers[kind]) for kind in kinds if kind in self._headers]
        preamble = flv_header(audio=audio, video=True) + b"".join(headers)
        child = await start_child(
            lambda pipes: ladder_arguments(self._renditions, pipes, audio=audio),
            [self._output(run, each.name) for each in self._renditions],
            stop_limits=self._stop_limits,
        )
        child.write_soon(preamble)
        return child

    async def feed(self, process: Child) -> None:
        while True:
            await self._backlog.filled()
            if not self._backlog.flowing:  # the tags are for the next run
                return
            await process.write(self._run.encode(self._backlog.pop()))

    def finish(self, process: Child) -> None:
        if self._backlog.flowing:
            self._tail = self._backlog.pop_all()
        process.write_soon(self._run.encode(self._tail))

    def ended(self) -> None:
        if self._backlog.flowing:  # an unexpected end: the rest of this group of pictures is lost
            self._backlog.flowing = False
            self._backlog.clear()
            self.lost()

    def lost(self) -> None:
        """Report that a run that had begun is followed by another although the source continues."""
        if self._run.begun:
            self._on_loss()

    def closed(self) -> None:
        self._backlog.clear()
        if self._holds_slot:
            self._holds_slot = False
            self._slots.release()

    def _output(self, run: _Run, rendition: str) -> Callable[[bytes], None]:
        reader = FlvReader()

        def received(data: bytes) -> None:
            try:
                tags = reader.feed(data)
            except FlvError as failure:
                self._reject_output(rendition, failure)
                return
            for tag in tags:
                self._deliver(run, rendition, run.restore(tag))

        return received

    def _deliver(self, run: _Run, rendition: str, tag: FlvTag) -> None:
        self.supervisor.watchdog.output_seen()
        if rendition not in run.begun:
            run.begun.add(rendition)
            if rendition in self._seen:
                self._on_restart(rendition)
            self._seen.add(rendition)
        self._on_tag(rendition, tag)

    def _reject_output(self, rendition: str, failure: FlvError) -> None:
        log.error("transcoder output is not flv", transcoder=self._name, rendition=rendition, reason=str(failure))
        if self.supervisor.process is not None:
            self.supervisor.process.kill()
