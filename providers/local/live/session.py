"""A broadcast as it happens: one live input, one encoder at a time, drops and freezes included.

The session decides; it does no I/O of its own. Bytes come from the ingest through `EncoderLink`, go through a `Pipeline` to the
storage, and `check` is called by the clock (`CHECK_INTERVAL`), so that every rule here can be tested with a time of one's own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import structlog

from providers.base import EventKind, InputState, LatencyMode, Phase
from providers.health import InputHealth, RecordingState
from providers.local.codecs.errors import UnsupportedCodec
from providers.local.flv.enhanced import plain
from providers.local.flv.tag import SCRIPT, FlvTag
from providers.local.health.meter import HealthMeter
from providers.local.health.monitor import HealthMonitor
from providers.local.live.countdown import seconds_until_watchable
from providers.local.live.phases import Trigger, move
from providers.local.live.pipeline import Pipeline, unsupported
from providers.local.live.ports import PublishRequest
from providers.local.live.refusals import MediaRefused, PublishRefused, Refusal
from providers.local.ports import StoredInput, key_digest

log = structlog.get_logger(__name__)

FROZEN_AFTER = 5.0
"""Seconds without an audio or video message after which an encoder is frozen and its key free for another: a dead encoder's
socket may look open for minutes."""

CHECK_INTERVAL = 0.25
"""Seconds between two looks at the clock; an expiry is late by this much at most."""

SHORTEST_SHOWN = 1.0
"""Seconds of media an encoder must have sent for its broadcast to be shown and recorded after it left. Less was watchable only if
a segment of it was listed while it streamed."""

COLLECT = {LatencyMode.STANDARD: 0.25, LatencyMode.REDUCED: 0.16, LatencyMode.LOW: 0.08}
"""Seconds of media the ingest may collect before it hands it on: a quarter of a part, less where less delay was asked for.
Each turn of the loop has a cost of its own, and begins with cold caches."""

_STARTING = Phase.STARTING  # for every tag: on the enumeration each look-up is a call (Python 3.11)


@dataclass(frozen=True, slots=True)
class SessionContext:
    """What a session needs: a pipeline for each encoder, two clocks, and what to call.

    `clock` is Unix time in seconds; `monotonic` measures spans. `finished` is called once, when the broadcast is over. `discard`
    drops what is stored of the broadcast so far, which was never shown. `refused` is called when an encoder was refused for what it
    sends, `runs` often with the seconds for which one has sent media.
    `tracks` names the tracks that the live manifests offer, `recording` says what becomes of the recording.
    """

    new_pipeline: Callable[[], Pipeline]
    tell: Callable[[EventKind], None]
    finished: Callable[[LiveSession], None]
    discard: Callable[[], None]
    refused: Callable[[MediaRefused], None]
    runs: Callable[[float], None]
    clock: Callable[[], float]
    monotonic: Callable[[], float]
    tracks: Callable[[], str | None]
    recording: Callable[[], RecordingState | None]


@dataclass(slots=True)
class _Encoder:
    """The encoder that has the key."""

    close: Callable[[Refusal], None]
    last_media: float
    pipeline: Pipeline
    meter: HealthMeter
    key_digest: str = field(repr=False)
    frozen: bool = False
    refused: bool = False
    started_at: float | None = None

    @property
    def started(self) -> bool:
        """Media that can be packaged has arrived."""
        return self.started_at is not None


class LiveSession:
    """One broadcast, from its first encoder to its end."""

    def __init__(self, stored: StoredInput, surroundings: SessionContext, *, shown: bool = False) -> None:
        """`shown`: the broadcast was taken up again after a restart, and players have something to play."""
        self.stored = stored
        self._around = surroundings
        self._encoder: _Encoder | None = None
        self._shown = shown
        self._lost_at: float | None = None
        self.reason: str | None = None
        self.phase = Phase.OFFLINE
        self._since = surroundings.clock()
        self._program_zero = surroundings.clock() - surroundings.monotonic()
        self.keyframe_interval = stored.keyframe_interval
        self._checkup = HealthMonitor(surroundings.clock, low_latency=stored.options.latency_mode is LatencyMode.LOW)

    @classmethod
    def resumed(
        cls, stored: StoredInput, surroundings: SessionContext, *, lost_since: float, shown: bool
    ) -> LiveSession:
        """A broadcast that a restart of the service interrupted; its encoder has been away for `lost_since` seconds.

        Its reconnect window begins with `await_encoder`: while the service does not listen no encoder can come back.
        """
        session = cls(stored, surroundings, shown=shown)
        session.phase = Phase.RECONNECTING
        session.reason = "service_restarted"
        session._since -= lost_since
        return session

    def await_encoder(self) -> None:
        """The service listens: from now on the reconnect window of a resumed broadcast runs, unless its encoder is back."""
        if self.phase is Phase.RECONNECTING and self._encoder is None and self._lost_at is None:
            self._lost_at = self._around.monotonic()

    # What the encoder does

    def admit(self, request: PublishRequest) -> EncoderLink:
        """Give the key to this encoder. Raises PublishRefused while a healthy one has it."""
        if (frozen := self._encoder) is not None:
            if not frozen.frozen:
                raise PublishRefused(Refusal.KEY_IN_USE)
            # First of all: closing it comes back to us as `left`, which must not count as a loss of the newcomer.
            self._encoder = None
            self._close_pipeline(frozen)
            frozen.close(Refusal.TAKEN_OVER)
        key = key_digest(request.stream_key)
        now, pipeline = self._around.monotonic(), self._around.new_pipeline()
        encoder = _Encoder(request.close, now, pipeline, self._checkup.admit(request.encoder, now), key)
        self._enter(Trigger.RETURN if self._shown else Trigger.CONNECT, reason=None)
        self._lost_at = None
        self._encoder = encoder
        log.info("encoder connected", input=self.stored.uid, encoder=request.encoder, encrypted=request.encrypted)
        self._around.tell(EventKind.CONNECTED)
        return EncoderLink(self, encoder)

    def media(self, encoder: _Encoder, tag: FlvTag) -> None:
        """Take a tag. Raises PublishRefused when it cannot be carried or the key is another's by now."""
        if encoder is not self._encoder:
            raise PublishRefused(Refusal.TAKEN_OVER)
        if tag.kind is not SCRIPT:
            encoder.last_media = self._around.monotonic()
            if encoder.frozen:
                self._thaw(encoder)
        try:
            tag = plain(tag)
        except UnsupportedCodec as refused:
            raise unsupported(refused) from refused
        encoder.meter.count(tag)
        encoder.pipeline.feed(tag, self.program_clock())
        if encoder.started_at is None and encoder.pipeline.started:
            encoder.started_at = self._around.monotonic()
            self._enter(Trigger.MEDIA, reason=None)
        if self.phase is _STARTING and encoder.pipeline.watchable:
            self._show()

    def refused(self, encoder: _Encoder, refusal: MediaRefused) -> None:
        """The encoder is refused for what it sends. It leaves next."""
        if encoder is self._encoder:
            encoder.refused = True
            self._around.refused(refusal)

    def left(self, encoder: _Encoder, reason: str) -> None:
        """The encoder's connection is over."""
        if encoder is self._encoder:
            self._release(encoder, f"encoder_{reason}")

    # What the clock and the owner do

    def check(self) -> None:
        """Look at the clock: a key that stopped working, freeze, flip to watchable after the renditions' grace, expire."""
        now = self._around.monotonic()
        if (holder := self._encoder) is not None and not self._still_welcome(holder):
            self.drop_encoder(Refusal.KEY_CHANGED)
        encoder = self._encoder
        if encoder is not None and not encoder.frozen and now - encoder.last_media >= FROZEN_AFTER:
            encoder.frozen = True
            self._lose("encoder_frozen")
        if encoder is not None and encoder.started_at is not None and not encoder.frozen:
            self._around.runs(now - encoder.started_at)
        self._checkup.poll(now, connected=self.connected)
        if self.phase is Phase.STARTING and encoder is not None and encoder.pipeline.watchable:
            self._show()
        if self._lost_at is not None and now - self._lost_at >= self.stored.options.reconnect_timeout:
            self._end(Trigger.EXPIRE, "reconnect_timeout", Refusal.RECONNECT_TIMEOUT)

    def stop(self, reason: str, refusal: Refusal) -> None:
        """End the broadcast and send the encoder `refusal`."""
        self._end(Trigger.STOP, reason, refusal)

    def drop_encoder(self, refusal: Refusal) -> None:
        """Disconnect the encoder; the broadcast waits for another one (a rotated key)."""
        if (encoder := self._encoder) is not None:
            self._release(encoder, "key_rotated")
            encoder.close(refusal)

    def _still_welcome(self, encoder: _Encoder) -> bool:
        return self.stored.accepts(encoder.key_digest, datetime.fromtimestamp(self._around.clock(), UTC))

    def suspend(self) -> None:
        """The service stops: put everything on the storage and leave the broadcast open for the next start."""
        if (encoder := self._encoder) is not None:
            self._encoder = None
            self._close_pipeline(encoder)

    # What players are told

    def state(self) -> InputState:
        """The state now."""
        return InputState(
            phase=self.phase,
            is_connected=self.connected,
            is_watchable=self.watchable,
            seconds_until_watchable=0.0 if self.watchable or self._encoder is None else self._countdown(self._encoder),
            as_of=datetime.fromtimestamp(self._around.clock(), UTC),
            since=datetime.fromtimestamp(self._since, UTC),
            reason=self.reason,
            tracks=self._around.tracks() if self.watchable else None,
            recording=self._around.recording(),
        )

    def health(self) -> InputHealth:
        """What the encoder sends, as measured."""
        health = self._checkup.health(connected=self.connected)
        if (encoder := self._encoder) is not None:
            apart, late = encoder.pipeline.seconds_apart, encoder.pipeline.audio_late
            health = replace(health, delivery=replace(health.delivery, apart=apart, audio_late=late))
        return replace(health, recording=self._around.recording())

    def program_clock(self) -> float:
        """Unix time (seconds) when the broadcast began, plus the time since: setting the system clock moves no frame."""
        return self._program_zero + self._around.monotonic()

    @property
    def began(self) -> bool:
        """An encoder was let in at some time."""
        return self.phase is not Phase.OFFLINE

    @property
    def connected(self) -> bool:
        """An encoder has the key and is not frozen."""
        return self._encoder is not None and not self._encoder.frozen

    @property
    def watchable(self) -> bool:
        """Something can be played."""
        return self._shown and self.phase is not Phase.ENDED

    def _countdown(self, encoder: _Encoder) -> float:
        pipeline = encoder.pipeline
        return seconds_until_watchable(self.keyframe_interval, pipeline.media_seconds, pipeline.frame_rate)

    # The moves

    def _enter(self, happening: Trigger, *, reason: str | None) -> None:
        before, self.phase = self.phase, move(self.phase, happening)
        self.reason = reason
        if self.phase is not before:
            self._since = self._around.clock()

    def _show(self) -> None:
        self._shown = True
        self._enter(Trigger.WATCHABLE, reason=None)
        self._around.tell(EventKind.WATCHABLE)

    def _thaw(self, encoder: _Encoder) -> None:
        encoder.frozen = False
        encoder.started_at = None
        self._lost_at = None
        self._enter(Trigger.RETURN if self._shown else Trigger.CONNECT, reason=None)
        self._around.tell(EventKind.CONNECTED)

    def _lose(self, reason: str) -> None:
        self._enter(Trigger.LOSE, reason=reason)
        if self._lost_at is None:
            self._lost_at = self._around.monotonic()
            self._around.tell(EventKind.LOST)
        log.info("encoder lost", input=self.stored.uid, reason=reason)

    def _release(self, encoder: _Encoder, reason: str) -> None:
        """Take the key back from the encoder."""
        self._encoder = None
        try:
            self._close_pipeline(encoder)
        finally:  # whatever fails: nobody sends any more, and the window runs
            self._lose(reason)
        if self.stored.options.reconnect_timeout == 0:
            self.check()

    def _close_pipeline(self, encoder: _Encoder) -> None:
        """Store what is open. Nothing is kept of an encoder that was refused before it could be watched."""
        pipeline = encoder.pipeline
        if encoder.refused and not (self._shown and pipeline.shown):
            pipeline.discard()
        else:
            pipeline.close()
            self.keyframe_interval = pipeline.keyframe_interval or self.keyframe_interval
        if self._shown:
            return
        if encoder.refused or pipeline.media_seconds < SHORTEST_SHOWN:
            self._around.discard()
        elif pipeline.shown:
            # A broadcast shorter than one keyframe interval: its only segment closed when the encoder left.
            self._shown = True
            self._around.tell(EventKind.WATCHABLE)

    def _end(self, happening: Trigger, reason: str, refusal: Refusal) -> None:
        if self.phase is Phase.ENDED:
            return
        if (encoder := self._encoder) is not None:
            self._encoder = None
            encoder.close(refusal)  # first: the encoder must be notified even if the rest fails
        try:
            if encoder is not None:
                self._close_pipeline(encoder)
        finally:
            self._enter(happening, reason=reason)
            self._lost_at = None
            self._around.finished(self)


class EncoderLink:
    """The ingest's end of a session: implements `providers.local.live.ports.Publication`."""

    def __init__(self, session: LiveSession, encoder: _Encoder) -> None:
        self._session = session
        self._encoder = encoder

    @property
    def collect(self) -> float:
        """Seconds of media the ingest may collect before it hands it on."""
        return COLLECT[self._session.stored.options.latency_mode]

    def media(self, tag: FlvTag) -> None:
        """Take a tag. Raises PublishRefused."""
        self._session.media(self._encoder, tag)

    def refused(self, refusal: MediaRefused) -> None:
        """The encoder is refused for what it sends."""
        self._session.refused(self._encoder, refusal)

    def ended(self, reason: str) -> None:
        """The encoder is gone."""
        self._session.left(self._encoder, reason)
