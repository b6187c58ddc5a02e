"""The ABR ladder of one broadcast, and the normaliser: FLV tags in, FLV tags per rendition out, through one ffmpeg.

With `source` among the renditions only pictures are made; the source's sound serves all. Without it (the normaliser) the
first rendition carries the sound too, as AAC. The passthrough stream never notices anything of this: `feed` takes or drops,
and when ffmpeg dies it is started again at the next keyframe.
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
from providers.local.transcoder.process import Child, start_child
from providers.local.transcoder.renditions import Rendition, made
from providers.local.transcoder.slots import TranscodeSlots
from providers.local.transcoder.supervisor import ProcessState, RestartPolicy, Supervisor

log = structlog.get_logger(__name__)

JUMP_MS = 5_000
"""A step of the timestamps by more than this, either way, begins a new run: ffmpeg would bend the timeline."""

STEP_BACK_MS = 1_000
"""The same for a step back of pictures alone, as for the packager: ffmpeg would drop them until they have caught up."""

MAX_RUN_MS = 2**30
"""The media time of one run, 12 days: ffmpeg writes timestamps of 31 bits only."""

AUDIO_WAIT_MS = 1_000
"""Media time the normaliser waits for the audio header after the first keyframe, before it starts without sound."""

LEAD_MS = 1_000
"""ffmpeg sees times from here on: what comes a little before the first keyframe (AAC priming) must not be negative."""

_MASK = 0xFFFF_FFFF

OnTag = Callable[[str, FlvTag], None]
OnRestart = Callable[[str], None]
OnLoss = Callable[[], None]


class Ladder:
    """Makes `renditions` (the source among them is ignored) of what is fed. `name` is for the log: never a stream key.

    `on_tag(rendition, tag)` gets what was made, at once, headers first. Presentation times are those of the source to the
    millisecond, keyframes are where its are; there are no B-frames, so timestamps are presentation times. `on_restart(rendition)`
    is called before the first tag of every run but the first: a new generation begins, later on the same timeline. `on_loss()`
    is called when a run that had begun ended though the source goes on as before. None of them may raise. A resolution that
    changes is followed, never scaled up. `patience` and `backlog` carry the limits.
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
        patience: RestartPolicy | None = None,
        backlog: Backlog | None = None,
    ) -> None:
        self._log = log.bind(transcoder=name)
        self._backlog = backlog or Backlog()
        self._work = _Transcode(name, renditions, self._backlog, slots, on_tag, on_restart, on_loss)
        self._supervisor = Supervisor(name, self._work, spawn=spawn, patience=patience)
        self._work.supervisor = self._supervisor
        self._newest: int | None = None

    @property
    def state(self) -> ProcessState:
        """What ffmpeg is doing."""
        return self._supervisor.state

    @property
    def pid(self) -> int | None:
        """The process id of ffmpeg, while there is one."""
        child = self._supervisor.child
        return None if child is None else child.pid

    @property
    def finishing(self) -> bool:
        """What is handed out now is the rest of a run that was cut off: another one follows, with what came since."""
        return self._work.finishing

    def feed(self, tag: FlvTag) -> None:
        """Take one message of the encoder. Never waits, never fails; drops whole groups of pictures when ffmpeg is slow."""
        if self.state is ProcessState.CLOSED or (tag.kind is TagKind.AUDIO and not self._work.audio):
            return
        if tag.kind is TagKind.SCRIPT or is_header(tag):
            if self._work.remember(tag):
                self._begin_anew()
            return
        if self._jumped(tag.timestamp):
            self._begin_anew()
        dropped = self._backlog.dropped
        self._backlog.push(tag)
        if self._backlog.dropped > dropped:
            self._log.warning("transcoder is too slow: frames dropped", tags=self._backlog.dropped - dropped)
        self._work.fed()

    async def aclose(self) -> None:
        """Hand out what is still to come and end ffmpeg, within `supervisor.CLOSE_TIMEOUT`. Safe to call twice."""
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

    def _begin_anew(self) -> None:
        self._work.cut()
        self._supervisor.renew()


@dataclass(slots=True)
class _Run:
    """One ffmpeg from its start to its end. `origin` is the timestamp it sees as 0; None before the first frame."""

    origin: int | None = None
    begun: set[str] = field(default_factory=set)

    def encode(self, tags: Sequence[FlvTag]) -> bytes:
        """FLV as ffmpeg gets it."""
        if self.origin is None and tags:
            self.origin = tags[0].timestamp - LEAD_MS & _MASK
        origin = self.origin or 0
        return b"".join(serialize(tag._replace(timestamp=tag.timestamp - origin & _MASK)) for tag in tags)

    def restore(self, tag: FlvTag) -> FlvTag:
        """A tag of ffmpeg's with the source's time; its headers, which have none, come when the run begins."""
        timestamp = tag.timestamp
        if tag.kind is TagKind.SCRIPT or is_header(tag):
            timestamp = max(timestamp, LEAD_MS)
        return tag._replace(timestamp=timestamp + (self.origin or 0) & _MASK)


class _Transcode:
    """The ladder's side of the supervisor: `supervisor.Work`."""

    supervisor: Supervisor

    def __init__(
        self,
        name: str,
        renditions: Sequence[Rendition],
        backlog: Backlog,
        slots: TranscodeSlots,
        on_tag: OnTag,
        on_restart: OnRestart,
        on_loss: OnLoss,
    ) -> None:
        self._name = name
        self._renditions = made(renditions)
        self.audio = len(self._renditions) == len(renditions)
        self._backlog = backlog
        self._slots = slots
        self._holds_slot = False
        self._on_tag = on_tag
        self._on_restart = on_restart
        self._on_loss = on_loss
        self._headers: dict[TagKind, FlvTag] = {}
        self._first_frame: int | None = None
        self._startable = asyncio.Event()
        self._tail: list[FlvTag] = []
        self._seen: set[str] = set()
        self._run = _Run()
        self.finishing = False

    def remember(self, header: FlvTag) -> bool:
        """Keep a header; whether what came before it is of no use with it."""
        before = self._headers.get(header.kind)
        self._headers[header.kind] = header._replace(timestamp=0)
        if header.kind is TagKind.SCRIPT:
            return False
        if before is None:
            return (
                header.kind is TagKind.VIDEO or self._backlog.flowing
            )  # sound may come late to a run that has not begun
        return before.payload != header.payload

    def fed(self) -> None:
        """The backlog got a tag."""
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
        """Whether the run has come close to the end of what ffmpeg can count."""
        origin = self._run.origin
        return self._backlog.flowing and origin is not None and milliseconds_between(origin, timestamp) > MAX_RUN_MS

    def cut(self) -> None:
        """What comes from now on is for another run."""
        if self._backlog.flowing:
            self._tail = self._backlog.take_all()
            self.finishing = True
        self._backlog.flowing = False
        self._backlog.clear()

    async def ready(self) -> None:
        if not self._holds_slot:
            await self._slots.take(self._name)
            self._holds_slot = True
        await self._startable.wait()
        await self._backlog.filled()

    async def start(self) -> Child:
        self._run = run = _Run()
        self._tail = []
        self.finishing = False
        self._backlog.flowing = True
        audio = self.audio and TagKind.AUDIO in self._headers  # else ffmpeg would wait for it
        kinds = (TagKind.SCRIPT, TagKind.AUDIO, TagKind.VIDEO) if audio else (TagKind.SCRIPT, TagKind.VIDEO)
        headers = [serialize(self._headers[kind]) for kind in kinds if kind in self._headers]
        preamble = flv_header(audio=audio, video=True) + b"".join(headers)
        child = await start_child(
            lambda pipes: ladder_arguments(self._renditions, pipes, audio=audio),
            [self._output(run, each.name) for each in self._renditions],
        )
        child.write_soon(preamble)
        return child

    async def attend(self, child: Child) -> None:
        while True:
            await self._backlog.filled()
            if not self._backlog.flowing:  # what is there now is for the next run
                return
            await child.write(self._run.encode(self._backlog.take()))

    def last_words(self, child: Child) -> None:
        if self._backlog.flowing:
            self._tail = self._backlog.take_all()
        child.write_soon(self._run.encode(self._tail))

    def ended(self) -> None:
        if self._backlog.flowing:  # nobody asked for an end: the rest of this group of pictures is lost
            self._backlog.flowing = False
            self._backlog.clear()
            self.lost()

    def lost(self) -> None:
        """The run will be followed by another one, and the source does not know."""
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
                self._give_up(rendition, failure)
                return
            for tag in tags:
                self._hand_out(run, rendition, run.restore(tag))

        return received

    def _hand_out(self, run: _Run, rendition: str, tag: FlvTag) -> None:
        self.supervisor.watchdog.output_seen()
        if rendition not in run.begun:
            run.begun.add(rendition)
            if rendition in self._seen:
                self._on_restart(rendition)
            self._seen.add(rendition)
        self._on_tag(rendition, tag)

    def _give_up(self, rendition: str, failure: FlvError) -> None:
        log.error("transcoder writes no FLV", transcoder=self._name, rendition=rendition, reason=str(failure))
        if self.supervisor.child is not None:
            self.supervisor.child.kill()
