"""All broadcasts of this server: which encoders may publish, which broadcasts run, and when they end.

This is the gate that the ingest asks, and the owner of every `LiveSession`. What is stored of them is in `stored_broadcasts.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from datetime import UTC, datetime

import structlog

from providers.base import EventKind, InputUid, LatencyMode, Phase, ProviderEvent, Spawn
from providers.concurrency import rounds
from providers.health import RecordingState
from providers.local.live.admission import KeyCheck, require_target
from providers.local.live.context import SessionContext
from providers.local.live.disk_guard import DiskGuard
from providers.local.live.encoder_link import EncoderLink
from providers.local.live.live_session import CHECK_INTERVAL, SHORTEST_SHOWN, LiveSession
from providers.local.live.pipeline import Pipeline, build_pipeline
from providers.local.live.refusal_history import RefusalHistory
from providers.local.live.stored_broadcasts import StoredBroadcasts
from providers.local.live.transcoding import Transcoding
from providers.local.ownership.keeper import ClaimKeeper
from providers.local.ownership.port import ClaimHeld
from providers.local.packager import cutting
from providers.local.ports.inputs import InputStore, StoredInput
from providers.local.ports.publishing import Publication, PublishRequest
from providers.local.ports.refusals import MediaRefused, PublishRefused, Refusal
from providers.local.storage.broadcast import Broadcast
from providers.local.storage.errors import StorageError, StorageFull
from providers.local.storage.recordings import RecordingCatalog, StoredRecording
from providers.local.storage.storage import Storage

log = structlog.get_logger(__name__)

INTERRUPTION_LIMIT = 600.0
"""Seconds after which a broadcast that a stop of the service interrupted ends, unless its reconnect window is longer. A restart
takes its time on a busy machine, and an encoder cannot come back before it is done."""

SEGMENT_TARGET = {LatencyMode.STANDARD: 2.0, LatencyMode.REDUCED: 0.0, LatencyMode.LOW: 2.0}
"""Seconds a segment should last; 0 is one for every keyframe."""


class BroadcastRegistry:
    """Implements `providers.local.ports.publishing.PublishGate`."""

    def __init__(
        self,
        storage: Storage,
        recordings: RecordingCatalog,
        inputs: InputStore,
        transcoding: Transcoding,
        spawn: Spawn,
        notify: Callable[[ProviderEvent], None],
        claims: ClaimKeeper,
        *,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
        low_part_target: float = cutting.PART_TARGET_LOW_LATENCY,
    ) -> None:
        self._storage = storage
        self._inputs = inputs
        self._transcoding = transcoding
        self._spawn = spawn
        self._notify = notify
        self._claims = claims
        claims.lost, claims.cut_off = self._hand_over, self._send_away
        self._clock = clock
        self._monotonic = monotonic
        self._sessions: dict[InputUid, LiveSession] = {}
        self._stored = StoredBroadcasts(storage, recordings, self._recording_ready, clock, low_part_target)
        self.refusals = RefusalHistory(clock, monotonic)
        self._keys = KeyCheck(inputs, claims, self.refusals, clock)
        self._space = DiskGuard(storage, monotonic)
        self.flipped: Callable[[InputUid], None] = lambda _: None
        """Called with an input whose state has changed, also at its end."""

    # The gate

    async def admit(self, request: PublishRequest) -> Publication:
        """Accept an encoder. Raises PublishRefused."""
        require_target(request.app, request.stream_key)
        stored = await self._keys.check(request)
        try:
            stored = await self._keys.claim(stored, request)
            session = self._sessions.get(stored.uid) or self._begin(stored)
            # Its options may have changed since the session began.
            session.stored = stored
            return EncoderLink(session, session.admit(request))
        except StorageFull as full:
            raise PublishRefused(Refusal.DISK_NEARLY_FULL, f"{full}.") from full
        except StorageError as problem:
            log.error("storage failed", input=stored.uid, problem=str(problem))
            raise PublishRefused(Refusal.STORAGE_FAILED) from problem
        finally:
            self._leave_unused(stored.uid)

    def changed(self) -> None:
        """Note that an input was changed or deleted in the store: look-ups under way may be out of date."""
        self._keys.changes += 1

    def _begin(self, stored: StoredInput) -> LiveSession:
        session = LiveSession(stored, self._context(stored))
        self._sessions[stored.uid] = session
        return session

    def _leave_unused(self, uid: InputUid) -> None:
        """Forget the session of this input if it never began; let any node accept the next encoder if none is connected here."""
        session = self._sessions.get(uid)
        if session is None or not session.began:
            self._sessions.pop(uid, None)
            self._stored.finish(uid)  # there is nothing to record, and its files are removed
            self._claims.end(uid)
        elif not session.connected:  # the encoder that came back was refused
            self._claims.open(uid)

    def _context(self, stored: StoredInput) -> SessionContext:
        uid = stored.uid
        return SessionContext(
            new_pipeline=lambda: self._pipeline(self._sessions[uid].stored),
            notify=lambda kind: self._moved(kind, uid),
            finished=lambda: self._finished(uid),
            discard=lambda: self._stored.discard(uid),
            refused=lambda refusal: self._refused(uid, refusal),
            runs=lambda seconds: self.refusals.runs(uid, seconds),
            clock=self._clock,
            monotonic=self._monotonic,
            tracks=lambda: None if (broadcast := self.of_input(uid)) is None else broadcast.live_tracks,
            recording=lambda: self.recording(uid),
        )

    def _pipeline(self, stored: StoredInput) -> Pipeline:
        """Make the pipeline for an encoder; the first one begins the broadcast. Raises StorageFull, StorageError."""
        broadcast = self._stored.open(stored)
        mode = broadcast.info.latency_mode
        if (session := self._sessions.get(stored.uid)) is not None:
            broadcast.clock = session.program_clock
            broadcast.wall_clock = self._clock
        broadcast.starts_early = mode is LatencyMode.LOW and self._transcoding.is_source_only
        buffers_little = mode is not LatencyMode.STANDARD
        settings = cutting.PackagerSettings(
            SEGMENT_TARGET[mode], broadcast.info.part_target, low_latency=buffers_little
        )
        return build_pipeline(stored.uid, broadcast, settings, self._transcoding)

    def recording(self, uid: InputUid) -> RecordingState | None:
        """Return the state of this input's recording; None when nothing is on air and a broadcast could begin."""
        broadcast = self.of_input(uid)
        if broadcast is not None:
            return RecordingState.ON if broadcast.recording else RecordingState.STOPPED_DISK_FULL
        return None if self._space.can_begin() else RecordingState.REFUSED_DISK_FULL

    # Events of the sessions

    def _moved(self, kind: EventKind, uid: InputUid) -> None:
        """Handle an event of a session, unless another node has taken its broadcast over."""
        if uid not in self._sessions:
            return
        if kind is EventKind.LOST:
            self._claims.open(uid)
        elif kind is EventKind.CONNECTED:
            self._claims.close(uid)
        self._report(kind, uid)
        self.flipped(uid)

    def _report(self, kind: EventKind, input_uid: InputUid, recording_uid: str | None = None) -> None:
        at = self._clock()
        self._stored.note(kind, input_uid, at)
        self._notify(ProviderEvent(kind, input_uid, datetime.fromtimestamp(at, UTC), recording_uid))

    def _refused(self, uid: InputUid, refusal: MediaRefused) -> None:
        self.refusals.note(uid, refusal)
        self._report(EventKind.REFUSED, uid)

    def _recording_ready(self, recording: StoredRecording) -> None:
        self._report(EventKind.RECORDING_READY, recording.input_uid, recording.uid)

    def _finished(self, uid: InputUid) -> None:
        """Make the recording of a broadcast that is over, and remember its keyframe interval."""
        session = self._sessions.pop(uid)
        if session.keyframe_interval != session.stored.keyframe_interval:
            self._spawn(self._learn(uid, session.keyframe_interval), name=f"learn keyframe interval of {uid}")
        # The end is reported first; it must find no running broadcast, whose loss would be noted.
        broadcast = self._stored.pop(uid)
        self._claims.end(uid)
        self._report(EventKind.ENDED, uid)
        self.flipped(uid)
        if broadcast is not None:
            self._stored.record(broadcast)

    async def _learn(self, uid: InputUid, keyframe_interval: float | None) -> None:
        try:
            await self._inputs.change(uid, keyframe_interval=keyframe_interval)
        # It only makes the next countdown better: an unavailable store must not stop the service.
        except Exception as problem:
            log.warning("keyframe interval not stored", input=uid, problem=type(problem).__name__)

    # Start, time, stop

    async def recover(self, known: Collection[str] = ()) -> None:
        """Resume the broadcasts that ran when the service stopped; end those that were interrupted for too long.

        Call `listening` once encoders can come back: the reconnect windows begin with it. `known` are uids of recordings.
        """
        for broadcast in reversed(
            await asyncio.to_thread(self._storage.recover, known)
        ):  # the newest of an input continues
            stored = await self._inputs.get(broadcast.info.input_uid)
            # The system clock may have been set back while the service was down.
            lost_since = max(0.0, self._clock() - (broadcast.lost_at or broadcast.last_write))
            if (
                stored is None
                or _is_over(stored, lost_since)
                or stored.uid in self._stored.running
                or not broadcast.recording
                or not await self._claim_again(stored.uid)
            ):
                self._finish_interrupted(broadcast)
                continue
            log.info(
                "broadcast resumed", input=stored.uid, recording=broadcast.info.uid, lost_since=round(lost_since, 1)
            )
            self._stored.resume(broadcast)
            session = self._sessions[stored.uid] = LiveSession.resumed(
                stored,
                self._context(stored),
                lost_since=lost_since,
                shown=broadcast.watchable,
                program_end=broadcast.program_end,
            )
            broadcast.clock = session.program_clock
            if broadcast.lost_at is None:  # after a kill: the next start must not count from what this one writes
                self._stored.note(EventKind.LOST, stored.uid, self._clock() - lost_since)
        await self._claims.end_former()

    async def _claim_again(self, uid: InputUid) -> bool:
        """Claim an interrupted broadcast, open to every node until an encoder comes. Return False if another node has it."""
        try:
            await self._claims.hold(uid)
        except ClaimHeld as held:
            log.info("broadcast left to another node", input=uid, node=held.node)
            return False
        self._claims.open(uid)
        return True

    def listening(self) -> None:
        """Begin the reconnect windows of the resumed broadcasts: encoders can come back from now on."""
        for session in self._sessions.values():
            session.await_encoder()

    def _finish_interrupted(self, broadcast: Broadcast) -> None:
        """Make the recording of a broadcast that does not continue; drop one with too little to watch."""
        if broadcast.seconds < SHORTEST_SHOWN:
            self._stored.drop(broadcast)
        else:
            self._stored.record(broadcast)

    async def watch(self) -> None:
        """Check every session at each CHECK_INTERVAL, until cancelled."""
        async for _, paused in rounds(CHECK_INTERVAL):
            if not paused:
                self.check()
                continue
            for session in self._sessions.values():
                session.paused(paused)

    def check(self) -> None:
        """Check every session once. A session that fails is ended alone: the others must not stop with it."""
        has_space = self._space.has_space(self._stored.running)
        for session in list(self._sessions.values()):
            try:
                if has_space:
                    session.check()
                else:
                    session.stop("disk_full", Refusal.DISK_FULL)
            except Exception:
                log.exception("broadcast failed", input=session.stored.uid)
                self._abandon(session)

    def _abandon(self, session: LiveSession) -> None:
        """End a session that cannot be relied on to end itself, and make its recording from what is stored."""
        uid = session.stored.uid
        try:
            session.stop("internal_error", Refusal.BROADCAST_FAILED)
        except Exception:
            log.exception("broadcast not ended properly", input=uid)
        if self._sessions.get(uid) is session:
            self._sessions.pop(uid)
            self._stored.finish(uid)
            self._claims.end(uid)

    # Other nodes

    def _hand_over(self, uid: InputUid) -> None:
        """Leave a broadcast to the node that has taken it over, and keep what this one has stored as a recording."""
        session, broadcast = self._sessions.pop(uid, None), self._stored.pop(uid)
        try:
            if session is not None:
                session.suspend(Refusal.MOVED)
        except Exception:
            log.exception("broadcast not handed over properly", input=uid)
        if broadcast is not None:
            self._finish_interrupted(broadcast)

    def _send_away(self) -> None:
        """Disconnect all encoders: this node cannot know whether others have taken its broadcasts over."""
        for uid, session in list(self._sessions.items()):
            try:
                session.drop_encoder(Refusal.NODE_CUT_OFF, "node_cut_off")
            except Exception:
                log.exception("encoder not disconnected", input=uid)

    def suspend(self) -> None:
        """Leave every broadcast so that the next start of the service can resume it. Safe to call twice."""
        for session in self._sessions.values():
            try:
                session.suspend()
            except Exception:  # the others and the files must be left in order
                log.exception("broadcast not suspended properly", input=session.stored.uid)
        self._stored.suspend()

    # Queries

    def session(self, input_uid: InputUid) -> LiveSession | None:
        """Return the running session of an input."""
        return self._sessions.get(input_uid)

    def phases(self) -> dict[InputUid, Phase]:
        """Return the phase of every running session, by input uid."""
        return {uid: session.phase for uid, session in self._sessions.items()}

    def of_input(self, input_uid: InputUid) -> Broadcast | None:
        """Return the running broadcast of an input."""
        return self._stored.running.get(input_uid)

    def of_uid(self, uid: str) -> Broadcast | None:
        """Return the running broadcast with this uid."""
        return self._stored.of_uid(uid)

    def __len__(self) -> int:
        return len(self._sessions)


def _is_over(stored: StoredInput, lost_since: float) -> bool:
    """Whether a broadcast that was interrupted `lost_since` seconds ago ends there."""
    window = stored.options.reconnect_timeout
    return not stored.enabled or window == 0 or lost_since >= max(window, INTERRUPTION_LIMIT)
