"""All broadcasts of this server: who may publish, which of them run, and what becomes of them.

This is the gate the ingest asks, and the owner of every `LiveSession` and of the storage's broadcast under it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import uuid4

import structlog

from providers.base import EventKind, LatencyMode, Phase, ProviderEvent, Spawn
from providers.health import RecordingState
from providers.local.live.admission import require_open, require_target
from providers.local.live.context import SessionContext
from providers.local.live.disk_guard import DiskGuard
from providers.local.live.pipeline import Pipeline, build_pipeline
from providers.local.live.ports import Publication, PublishRequest
from providers.local.live.refusal_history import RefusalHistory
from providers.local.live.refusals import PublishRefused, Refusal
from providers.local.live.session import CHECK_INTERVAL, SHORTEST_SHOWN, LiveSession
from providers.local.live.transcoding import Transcoding
from providers.local.packager import cutting
from providers.local.ports import InputStore, StoredInput
from providers.local.storage.broadcast import Broadcast
from providers.local.storage.errors import StorageError, StorageFull
from providers.local.storage.index import BroadcastInfo
from providers.local.storage.recordings import RecordingCatalog
from providers.local.storage.storage import Storage

log = structlog.get_logger(__name__)

INTERRUPTION_LIMIT = 600.0
"""Seconds after which a broadcast that a stop of the service interrupted ends, unless its reconnect window is longer. A restart
takes its time on a busy machine, and an encoder cannot come back before it is done."""

SEGMENT_TARGET = {LatencyMode.STANDARD: 2.0, LatencyMode.REDUCED: 0.0, LatencyMode.LOW: 2.0}
"""Seconds a segment should last; 0 is one for every keyframe."""

PART_TARGET = {
    LatencyMode.STANDARD: cutting.PART_TARGET,
    LatencyMode.REDUCED: cutting.PART_TARGET,
    LatencyMode.LOW: cutting.PART_TARGET_LOW_LATENCY,
}
"""Seconds. Outside `low` parts are not listed; they only bound what a kill -9 can lose."""


class BroadcastRegistry:
    """Implements `providers.local.live.ports.PublishGate`."""

    def __init__(
        self,
        storage: Storage,
        recordings: RecordingCatalog,
        inputs: InputStore,
        transcoding: Transcoding,
        spawn: Spawn,
        tell: Callable[[ProviderEvent], None],
        *,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self._storage = storage
        self._recordings = recordings
        self._inputs = inputs
        self._transcoding = transcoding
        self._spawn = spawn
        self._tell = tell
        self._clock = clock
        self._monotonic = monotonic
        self._sessions: dict[str, LiveSession] = {}
        self._running: dict[str, Broadcast] = {}
        self._changes = 0
        self.refusals = RefusalHistory(clock, monotonic)
        self._space = DiskGuard(storage, monotonic)

    # The gate

    async def admit(self, request: PublishRequest) -> Publication:
        """Let an encoder in or raise PublishRefused."""
        require_target(request.app, request.stream_key)
        found = await self._look_up(request.stream_key)
        stored = require_open(found, request.stream_key, datetime.fromtimestamp(self._clock(), UTC))
        self.refusals.check(stored.uid)
        session = self._sessions.get(stored.uid)
        if session is None:
            session = self._begin(stored)
        session.stored = stored
        try:
            return session.admit(request)
        except StorageFull as full:
            raise PublishRefused(Refusal.DISK_NEARLY_FULL, f"{full}.") from full
        except StorageError as problem:
            log.error("storage failed", input=stored.uid, problem=str(problem))
            raise PublishRefused(Refusal.STORAGE_FAILED) from problem
        finally:
            self._forget_unstarted(session)

    async def _look_up(self, stream_key: str) -> StoredInput | None:
        """The input of this key as it is when this returns: a change that overtook the store's answer makes us ask again."""
        while True:
            seen = self._changes
            stored = await self._inputs.by_key(stream_key)
            if seen == self._changes:
                return stored

    def changed(self) -> None:
        """An input was changed or deleted in the store: what is being looked up right now may be out of date."""
        self._changes += 1

    def _begin(self, stored: StoredInput) -> LiveSession:
        session = LiveSession(stored, self._context(stored))
        self._sessions[stored.uid] = session
        return session

    def _forget_unstarted(self, session: LiveSession) -> None:
        """A session whose first encoder could not be let in never began."""
        if not session.began:
            self._sessions.pop(session.stored.uid, None)
            if (broadcast := self._running.pop(session.stored.uid, None)) is not None:
                self._record(broadcast)  # there is nothing to record: its folder goes

    def _context(self, stored: StoredInput) -> SessionContext:
        uid = stored.uid
        return SessionContext(
            new_pipeline=lambda: self._pipeline(self._sessions[uid].stored),
            notify=lambda kind: self._happened(kind, uid),
            finished=lambda: self._finished(uid),
            discard=lambda: self._discard(uid),
            refused=lambda refusal: self.refusals.note(uid, refusal),
            runs=lambda seconds: self.refusals.runs(uid, seconds),
            clock=self._clock,
            monotonic=self._monotonic,
            tracks=lambda: self._running[uid].live_tracks if uid in self._running else None,
            recording=lambda: self.recording(uid),
        )

    def _pipeline(self, stored: StoredInput) -> Pipeline:
        """A pipeline for an encoder that was let in; the first one begins the broadcast. Raises StorageFull, StorageError."""
        broadcast = self._running.get(stored.uid)
        if broadcast is None:
            broadcast = self._running[stored.uid] = self._storage.begin(self._info(stored))
        elif broadcast.failed:
            self._storage.check_space()
            broadcast.retry(self._clock())
        mode = broadcast.info.latency_mode
        if (session := self._sessions.get(stored.uid)) is not None:
            broadcast.clock = session.program_clock
        low = mode is LatencyMode.LOW
        settings = cutting.PackagerSettings(SEGMENT_TARGET[mode], PART_TARGET[mode], low_latency=low)
        return build_pipeline(stored.uid, broadcast, settings, self._transcoding)

    def _info(self, stored: StoredInput) -> BroadcastInfo:
        mode = stored.options.latency_mode
        return BroadcastInfo(
            uid=uuid4().hex,
            input_uid=stored.uid,
            name=stored.name,
            created=datetime.fromtimestamp(self._clock(), UTC),
            latency_mode=mode,
            part_target=PART_TARGET[mode],
        )

    def recording(self, uid: str) -> RecordingState | None:
        """What becomes of the recording of this input; None when nothing is on air and a broadcast could begin."""
        broadcast = self._running.get(uid)
        if broadcast is not None:
            return RecordingState.ON if broadcast.recording else RecordingState.STOPPED_DISK_FULL
        return None if self._space.lets_begin() else RecordingState.REFUSED_DISK_FULL

    # What happens to them

    def _happened(self, kind: EventKind, input_uid: str, recording_uid: str | None = None) -> None:
        at = self._clock()
        broadcast = self._running.get(input_uid)
        try:
            if broadcast is not None and kind is EventKind.LOST:
                broadcast.lost(at)
            elif broadcast is not None and kind is EventKind.CONNECTED and broadcast.lost_at is not None:
                broadcast.resumed(at)
        except StorageError as problem:
            log.error("storage failed", input=input_uid, problem=str(problem))
        self._tell(ProviderEvent(kind, input_uid, datetime.fromtimestamp(at, UTC), recording_uid))

    def _finished(self, uid: str) -> None:
        """Make the recording of a broadcast that is over, and remember its keyframe interval."""
        session = self._sessions.pop(uid)
        if session.keyframe_interval != session.stored.keyframe_interval:
            self._spawn(self._learn(uid, session.keyframe_interval), name=f"learn keyframe interval of {uid}")
        broadcast = self._running.pop(uid, None)
        self._happened(EventKind.ENDED, uid)
        if broadcast is not None:
            self._record(broadcast)

    def _discard(self, input_uid: str) -> None:
        """Drop a broadcast that was never shown; the next encoder begins another one."""
        if (broadcast := self._running.pop(input_uid, None)) is not None:
            self._drop(broadcast)

    def _drop(self, broadcast: Broadcast) -> None:
        try:
            broadcast.discard(self._clock())
        except StorageError as problem:
            log.error("broadcast not removed", recording=broadcast.info.uid, problem=str(problem))

    def _record(self, broadcast: Broadcast) -> None:
        try:
            recording = broadcast.finish(self._clock())
        except StorageError as problem:
            log.error("recording not finished; the next start will", recording=broadcast.info.uid, problem=str(problem))
            return
        except Exception:  # a fault of ours: the other shows go on, and the start does not end at this one
            log.exception("recording not finished", recording=broadcast.info.uid)
            return
        if recording is not None:
            self._storage.keep(broadcast)
            self._recordings.add(recording)
            log.info("recording ready", input=recording.input_uid, recording=recording.uid, duration=recording.duration)
            self._happened(EventKind.RECORDING_READY, recording.input_uid, recording.uid)

    async def _learn(self, uid: str, keyframe_interval: float | None) -> None:
        try:
            await self._inputs.change(uid, keyframe_interval=keyframe_interval)
        # It only makes the next countdown better: a store that is away must not bring the service down.
        except Exception as problem:
            log.warning("keyframe interval not stored", input=uid, problem=type(problem).__name__)

    # Start, time, stop

    async def recover(self) -> None:
        """Resume what ran when the service stopped; record what cannot go on, or was interrupted for too long.

        Call `listening` once encoders can come back: the reconnect windows begin with it.
        """
        for broadcast in reversed(await asyncio.to_thread(self._storage.recover)):  # an input goes on with its newest
            stored = await self._inputs.get(broadcast.info.input_uid)
            lost_since = max(0.0, self._clock() - (broadcast.lost_at or broadcast.last_write))
            if stored is None or _is_over(stored, lost_since) or stored.uid in self._running or not broadcast.recording:
                self._finish_interrupted(broadcast)
                continue
            log.info(
                "broadcast taken up again", input=stored.uid, recording=broadcast.info.uid, away=round(lost_since, 1)
            )
            self._running[stored.uid] = broadcast
            self._sessions[stored.uid] = LiveSession.resumed(
                stored, self._context(stored), lost_since=lost_since, shown=broadcast.watchable
            )
            if broadcast.lost_at is None:  # after a kill: the next start must not count from our own writing
                self._mark_lost(broadcast, self._clock() - lost_since)

    def listening(self) -> None:
        """Encoders can come back from now on."""
        for session in self._sessions.values():
            session.await_encoder()

    def _finish_interrupted(self, broadcast: Broadcast) -> None:
        """Make the recording of a broadcast that does not go on, unless it broke off before there was something to watch."""
        if broadcast.seconds < SHORTEST_SHOWN:
            self._drop(broadcast)
        else:
            self._record(broadcast)

    def _mark_lost(self, broadcast: Broadcast, at: float) -> None:
        try:
            broadcast.lost(at)
        except StorageError as problem:
            log.error("storage failed", input=broadcast.info.input_uid, problem=str(problem))

    async def watch(self) -> None:
        """Look at the clock for every session, for ever."""
        while True:
            await asyncio.sleep(CHECK_INTERVAL)
            self.check()

    def check(self) -> None:
        """One look at the clock. A session that fails is ended, alone: the others must not stop with it."""
        goes_on = self._space.goes_on(self._running)
        for session in list(self._sessions.values()):
            try:
                if goes_on:
                    session.check()
                else:
                    session.stop("disk_full", Refusal.DISK_FULL)
            except Exception:
                log.exception("broadcast failed", input=session.stored.uid)
                self._abandon(session)

    def _abandon(self, session: LiveSession) -> None:
        """End a session that cannot be relied on to end itself; its recording is made as far as that goes."""
        uid = session.stored.uid
        try:
            session.stop("internal_error", Refusal.BROADCAST_FAILED)
        except Exception:
            log.exception("broadcast not ended properly", input=uid)
        if self._sessions.get(uid) is session:
            self._sessions.pop(uid)
            if (broadcast := self._running.pop(uid, None)) is not None:
                self._record(broadcast)

    def suspend(self) -> None:
        """The service stops: leave every broadcast so that the next start can take it up. Safe to call twice."""
        for session in self._sessions.values():
            try:
                session.suspend()
            except Exception:  # the others, and the files, are to be left in order
                log.exception("broadcast not suspended properly", input=session.stored.uid)
        for broadcast in self._running.values():
            broadcast.suspend()

    # Who asks

    def session(self, input_uid: str) -> LiveSession | None:
        """The running session of an input."""
        return self._sessions.get(input_uid)

    def phases(self) -> dict[str, Phase]:
        """The phase of every running session, by its input."""
        return {uid: session.phase for uid, session in self._sessions.items()}

    def of_input(self, input_uid: str) -> Broadcast | None:
        """The running broadcast of an input."""
        return self._running.get(input_uid)

    def of_uid(self, uid: str) -> Broadcast | None:
        """The running broadcast with this uid."""
        return next((each for each in self._running.values() if each.info.uid == uid), None)

    def __len__(self) -> int:
        return len(self._sessions)


def _is_over(stored: StoredInput, lost_since: float) -> bool:
    """Whether a broadcast that was interrupted `lost_since` seconds ago ends there."""
    window = stored.options.reconnect_timeout
    return not stored.enabled or window == 0 or lost_since >= max(window, INTERRUPTION_LIMIT)
