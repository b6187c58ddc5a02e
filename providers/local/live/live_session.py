"""A broadcast while it runs: one live input, one encoder at a time, drops and freezes included.

The session decides and does no I/O of its own. Tags come from the ingest through `EncoderLink` and go through a `Pipeline` to the
storage. The registry calls `check` every CHECK_INTERVAL, so tests can run every rule here on a clock of their own.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import structlog

from providers.base import EventKind, InputState, LatencyMode, Phase
from providers.health import InputHealth
from providers.local.codecs.errors import UnsupportedCodec
from providers.local.flv.enhanced import plain
from providers.local.flv.tag import SCRIPT, FlvTag
from providers.local.health.monitor import HealthMonitor
from providers.local.live.context import Encoder, SessionContext
from providers.local.live.countdown import seconds_until_watchable
from providers.local.live.pipeline import unsupported
from providers.local.live.states import BroadcastState, Trigger, move
from providers.local.ports.inputs import StoredInput, key_digest
from providers.local.ports.publishing import PublishRequest
from providers.local.ports.refusals import MediaRefused, PublishRefused, Refusal

log = structlog.get_logger(__name__)

FROZEN_AFTER = 5.0
"""Seconds without an audio or video message after which an encoder is frozen and its key free for another: a dead encoder's
socket may look open for minutes."""

CHECK_INTERVAL = 0.25
"""Seconds between two checks of the clock; an expiry is late by this much at most."""

SHORTEST_SHOWN = 1.0
"""Seconds of media an encoder must have sent for its broadcast to be shown and recorded after it left. A shorter one was watchable
only if a segment of it was listed while it streamed."""

_STARTING = BroadcastState.STARTING  # read for every tag: on the enumeration each look-up is a call (Python 3.11)


class LiveSession:
    """One broadcast, from its first encoder to its end."""

    def __init__(self, stored: StoredInput, context: SessionContext) -> None:
        self.stored = stored
        self._context = context
        self._encoder: Encoder | None = None
        self._state = BroadcastState.OFFLINE
        self._lost_at: float | None = None
        """When the reconnect window began, on the monotonic clock; None while it does not run."""
        self._shown_at: float | None = None
        """When it first could be watched, on the monotonic clock; None before that, and if it was before a restart."""
        self.reason: str | None = None
        self._since = context.clock()
        self._program_zero = context.clock() - context.monotonic()
        self.keyframe_interval = stored.keyframe_interval
        self._monitor = HealthMonitor(context.clock, low_latency=stored.options.latency_mode is LatencyMode.LOW)

    @classmethod
    def resumed(
        cls, stored: StoredInput, context: SessionContext, *, lost_since: float, shown: bool, program_end: float
    ) -> LiveSession:
        """Continue a broadcast that a restart of the service interrupted.

        The reconnect window begins with `await_encoder`: no encoder can come back before the service listens.

        Args:
            stored: The live input.
            context: The callbacks and clocks.
            lost_since: Seconds since its encoder was lost.
            shown: There is something to play.
            program_end: Program time (Unix seconds) where its media ends. The program clock never returns before it.
        """
        session = cls(stored, context)
        session._state = BroadcastState.LOST if shown else BroadcastState.LOST_UNSEEN
        session.reason = "service_restarted"
        session._since -= lost_since
        session._program_zero = max(session._program_zero, program_end - context.monotonic())
        return session

    def await_encoder(self) -> None:
        """Begin the reconnect window of a resumed broadcast: the service listens. Do nothing if its encoder is back."""
        if self._state.lost and self._encoder is None and self._lost_at is None:
            self._lost_at = self._context.monotonic()

    # The encoder's events

    def admit(self, request: PublishRequest) -> Encoder:
        """Give the key to this encoder. Raises PublishRefused while another one has it and is not frozen."""
        if (frozen := self._encoder) is not None:
            if not self._state.lost:
                raise PublishRefused(Refusal.KEY_IN_USE)
            # Before anything else: closing its connection calls `left`, which must not count as a loss of the new encoder.
            self._encoder = None
            self._close_pipeline(frozen)
            frozen.close(Refusal.TAKEN_OVER)
        key = key_digest(request.stream_key)
        now, pipeline = self._context.monotonic(), self._context.new_pipeline()
        encoder = Encoder(request.close, now, pipeline, self._monitor.admit(request.encoder, now), key)
        self._enter(Trigger.CONNECT, reason=None)
        self._lost_at = None
        self._encoder = encoder
        log.info("encoder connected", input=self.stored.uid, encoder=request.encoder, encrypted=request.encrypted)
        self._context.notify(EventKind.CONNECTED)
        return encoder

    def media(self, encoder: Encoder, tag: FlvTag) -> None:
        """Handle a tag. Raises PublishRefused when it cannot be carried or another encoder has the key by now."""
        if encoder is not self._encoder:
            raise PublishRefused(Refusal.TAKEN_OVER)
        if tag.kind is not SCRIPT:
            encoder.last_media = self._context.monotonic()
            if self._state.lost:
                self._thaw(encoder)
        try:
            tag = plain(tag)
        except UnsupportedCodec as refused:
            raise unsupported(refused) from refused
        encoder.meter.count(tag)
        encoder.pipeline.feed(tag, self.program_clock())
        if encoder.started_at is None and encoder.pipeline.started and not self._state.lost:
            encoder.started_at = self._context.monotonic()
            self._enter(Trigger.MEDIA, reason=None)
        if self._state is _STARTING and encoder.pipeline.watchable:
            self._become_watchable()

    def refused(self, encoder: Encoder, refusal: MediaRefused) -> None:
        """Note that the encoder is refused for what it sends. It leaves next."""
        if encoder is self._encoder:
            encoder.refused = True
            self._context.refused(refusal)

    def left(self, encoder: Encoder, reason: str) -> None:
        """Note that the encoder's connection is over."""
        if encoder is self._encoder:
            self._release(encoder, f"encoder_{reason}")

    # The clock's and the owner's

    def check(self) -> None:
        """Apply the rules of time: a key that stopped working, a freeze, the renditions' grace, the reconnect window."""
        now = self._context.monotonic()
        if (holder := self._encoder) is not None and not self._key_works(holder):
            self.drop_encoder(Refusal.KEY_CHANGED)
        encoder = self._encoder
        if encoder is not None and not self._state.lost and now - encoder.last_media >= FROZEN_AFTER:
            self._lose("encoder_frozen")
        if encoder is not None and encoder.started_at is not None and not self._state.lost:
            self._context.runs(now - encoder.started_at)
        self._monitor.poll(now, connected=self.connected)
        if self._state is _STARTING and encoder is not None and encoder.pipeline.watchable:
            self._become_watchable()
        if self._lost_at is not None and now - self._lost_at >= self.stored.options.reconnect_timeout:
            self._end(Trigger.EXPIRE, "reconnect_timeout", Refusal.RECONNECT_TIMEOUT)

    def paused(self, seconds: float) -> None:
        """Extend the reconnect window by a pause of the process, in which no encoder could come back."""
        if self._lost_at is not None:
            self._lost_at = min(self._lost_at + seconds, self._context.monotonic())

    def stop(self, reason: str, refusal: Refusal) -> None:
        """End the broadcast and send the encoder `refusal`."""
        self._end(Trigger.STOP, reason, refusal)

    def drop_encoder(self, refusal: Refusal, reason: str = "key_rotated") -> None:
        """Disconnect the encoder; the broadcast waits for another one."""
        if (encoder := self._encoder) is not None:
            self._release(encoder, reason)
            encoder.close(refusal)

    def suspend(self, refusal: Refusal | None = None) -> None:
        """Store what is open and leave the broadcast: to the next start, or to another node, which the refusal says."""
        if (encoder := self._encoder) is not None:
            self._encoder = None
            if refusal is not None:
                encoder.close(refusal)
            self._close_pipeline(encoder)

    # What players are sent

    def state(self) -> InputState:
        """Return the state of the live input now."""
        now, shown = self._context.clock(), self._shown_at
        # By the system clock as it is set now, because heartbeats have that time.
        watchable_since = None if shown is None else now - (self._context.monotonic() - shown)
        return InputState(
            phase=self.phase,
            is_connected=self.connected,
            is_watchable=self.watchable,
            seconds_until_watchable=0.0 if self.watchable or self._encoder is None else self._countdown(self._encoder),
            as_of=datetime.fromtimestamp(now, UTC),
            since=datetime.fromtimestamp(self._since, UTC),
            reason=self.reason,
            tracks=self._context.tracks() if self.watchable else None,
            recording=self._context.recording(),
            watchable_since=None if watchable_since is None else datetime.fromtimestamp(watchable_since, UTC),
        )

    def health(self) -> InputHealth:
        """Return what the encoder sends, as measured."""
        health = self._monitor.health(connected=self.connected)
        if (encoder := self._encoder) is not None:
            apart, late = encoder.pipeline.seconds_apart, encoder.pipeline.audio_late
            health = replace(health, delivery=replace(health.delivery, apart=apart, audio_late=late))
        return replace(health, recording=self._context.recording())

    def program_clock(self) -> float:
        """Return the Unix time (seconds) when the broadcast began plus the time since: setting the system clock moves no frame."""
        return self._program_zero + self._context.monotonic()

    @property
    def phase(self) -> Phase:
        """The phase that players see."""
        return self._state.phase

    @property
    def began(self) -> bool:
        """An encoder was accepted at some time."""
        return self._state is not BroadcastState.OFFLINE

    @property
    def connected(self) -> bool:
        """An encoder has the key and is not frozen."""
        return self._encoder is not None and self._state.connected

    @property
    def watchable(self) -> bool:
        """Something can be played."""
        return self._state.watchable

    def _key_works(self, encoder: Encoder) -> bool:
        return self.stored.accepts(encoder.key_digest, datetime.fromtimestamp(self._context.clock(), UTC))

    def _countdown(self, encoder: Encoder) -> float:
        pipeline = encoder.pipeline
        return seconds_until_watchable(self.keyframe_interval, pipeline.media_seconds, pipeline.frame_rate)

    # The moves

    def _enter(self, trigger: Trigger, *, reason: str | None) -> None:
        before, self._state = self._state, move(self._state, trigger)
        self.reason = reason
        if self._state.phase is not before.phase:
            self._since = self._context.clock()

    def _become_watchable(self) -> None:
        if self._shown_at is None:
            self._shown_at = self._context.monotonic()
        self._enter(Trigger.WATCHABLE, reason=self.reason if self._state.lost else None)
        self._context.notify(EventKind.WATCHABLE)

    def _thaw(self, encoder: Encoder) -> None:
        encoder.started_at = None
        self._lost_at = None
        self._enter(Trigger.CONNECT, reason=None)
        self._context.notify(EventKind.CONNECTED)

    def _lose(self, reason: str) -> None:
        self._enter(Trigger.LOSE, reason=reason)
        if self._lost_at is None:
            self._lost_at = self._context.monotonic()
            self._context.notify(EventKind.LOST)
        log.info("encoder lost", input=self.stored.uid, reason=reason)

    def _release(self, encoder: Encoder, reason: str) -> None:
        """Take the key back from the encoder."""
        self._encoder = None
        try:
            self._close_pipeline(encoder)
        finally:  # even if closing fails, no encoder sends any more and the reconnect window runs
            self._lose(reason)
        if self.stored.options.reconnect_timeout == 0:
            self.check()

    def _close_pipeline(self, encoder: Encoder) -> None:
        """Store what is open. Keep nothing of an encoder that was refused before it could be watched."""
        pipeline = encoder.pipeline
        if encoder.refused and not (self.watchable and pipeline.shown):
            pipeline.discard()
        else:
            pipeline.close()
            self.keyframe_interval = pipeline.keyframe_interval or self.keyframe_interval
        if self.watchable:
            return
        if encoder.refused or pipeline.media_seconds < SHORTEST_SHOWN:
            self._context.discard()
        elif pipeline.shown:
            # A broadcast shorter than one keyframe interval: its only segment closed when the encoder left.
            self._become_watchable()

    def _end(self, trigger: Trigger, reason: str, refusal: Refusal) -> None:
        if self._state is BroadcastState.ENDED:
            return
        if (encoder := self._encoder) is not None:
            self._encoder = None
            encoder.close(refusal)  # first: the encoder must be notified even if the rest fails
        try:
            if encoder is not None:
                self._close_pipeline(encoder)
        finally:
            self._enter(trigger, reason=reason)
            self._lost_at = None
            self._context.finished()
