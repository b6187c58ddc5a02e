"""The stored side of the running broadcasts: where their media goes, and the recordings made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from uuid import uuid4

import structlog

from providers.base import EventKind, InputUid, LatencyMode
from providers.local.packager import cutting
from providers.local.ports.inputs import StoredInput
from providers.local.storage.broadcast import Broadcast
from providers.local.storage.errors import StorageError
from providers.local.storage.index import BroadcastInfo
from providers.local.storage.recordings import RecordingCatalog, StoredRecording
from providers.local.storage.storage import Storage

log = structlog.get_logger(__name__)

PART_TARGET = {
    LatencyMode.STANDARD: cutting.PART_TARGET,
    LatencyMode.REDUCED: cutting.PART_TARGET_REDUCED_LATENCY,
    LatencyMode.LOW: cutting.PART_TARGET_LOW_LATENCY,
}
"""Seconds. That of `low` is the default of a setting. A kill -9 loses at most one part."""


class StoredBroadcasts:
    """At most one running broadcast for each live input.

    `ready` is called with every recording that is made; `clock` gives Unix time in seconds;
    `low_part_target` is the duration of parts in `low`, in seconds.
    """

    def __init__(
        self,
        storage: Storage,
        recordings: RecordingCatalog,
        ready: Callable[[StoredRecording], None],
        clock: Callable[[], float],
        low_part_target: float,
    ) -> None:
        self._storage = storage
        self._part_target = {**PART_TARGET, LatencyMode.LOW: low_part_target}
        self._recordings = recordings
        self._ready = ready
        self._clock = clock
        self._running: dict[InputUid, Broadcast] = {}

    @property
    def running(self) -> Mapping[InputUid, Broadcast]:
        """The running broadcasts, by input uid."""
        return self._running

    def of_uid(self, uid: str) -> Broadcast | None:
        """Return the running broadcast with this uid."""
        return next((each for each in self._running.values() if each.info.uid == uid), None)

    def open(self, stored: StoredInput) -> Broadcast:
        """Return the input's broadcast, ready to be written to; begin it if there is none. Raises StorageFull, StorageError."""
        broadcast = self._running.get(stored.uid)
        if broadcast is None:
            broadcast = self._running[stored.uid] = self._storage.begin(self._info(stored))
        elif broadcast.failed:
            self._storage.check_space()
            broadcast.retry()
        return broadcast

    def resume(self, broadcast: Broadcast) -> None:
        """Continue a broadcast that a restart of the service interrupted."""
        self._running[broadcast.info.input_uid] = broadcast

    def note(self, kind: EventKind, input_uid: InputUid, at: float) -> None:
        """Store when the input's encoder was lost and when it came back."""
        broadcast = self._running.get(input_uid)
        if broadcast is None:
            return
        try:
            if kind is EventKind.LOST:
                broadcast.lost(at)
            elif kind is EventKind.CONNECTED and broadcast.lost_at is not None:
                broadcast.resumed(at)
        except StorageError as problem:
            log.error("storage failed", input=input_uid, problem=str(problem))

    def pop(self, input_uid: InputUid) -> Broadcast | None:
        """Return the input's broadcast, which no longer counts as running."""
        return self._running.pop(input_uid, None)

    def finish(self, input_uid: InputUid) -> None:
        """End the input's broadcast, if one runs, and make its recording."""
        if (broadcast := self.pop(input_uid)) is not None:
            self.record(broadcast)

    def discard(self, input_uid: InputUid) -> None:
        """Drop a broadcast that was never watchable; the next encoder begins another one."""
        if (broadcast := self.pop(input_uid)) is not None:
            self.drop(broadcast)

    def drop(self, broadcast: Broadcast) -> None:
        """Remove everything that is stored of a broadcast."""
        try:
            broadcast.discard(self._clock())
        except StorageError as problem:
            log.error("broadcast not removed", recording=broadcast.info.uid, problem=str(problem))

    def record(self, broadcast: Broadcast) -> None:
        """Make the recording of a broadcast. Never raises: the other broadcasts must not stop with this one."""
        try:
            recording = broadcast.finish(self._clock())
        except StorageError as problem:
            log.error("recording not finished; the next start will", recording=broadcast.info.uid, problem=str(problem))
            return
        except Exception:  # a fault of ours
            log.exception("recording not finished", recording=broadcast.info.uid)
            return
        if recording is not None:
            self._storage.keep(broadcast)
            self._recordings.add(recording)
            log.info("recording ready", input=recording.input_uid, recording=recording.uid, duration=recording.duration)
            self._ready(recording)

    def suspend(self) -> None:
        """Leave every broadcast so that the next start can resume it."""
        for broadcast in self._running.values():
            broadcast.suspend()

    def _info(self, stored: StoredInput) -> BroadcastInfo:
        mode = stored.options.latency_mode
        return BroadcastInfo(
            uid=uuid4().hex,
            input_uid=stored.uid,
            name=stored.name,
            created=datetime.fromtimestamp(self._clock(), UTC),
            latency_mode=mode,
            part_target=self._part_target[mode],
        )
