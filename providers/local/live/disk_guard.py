"""What becomes of the show when the disk fills up while it runs.

First the recordings stop, each closed as it is, and the broadcasts go on with nothing but their live window on the disk. Only
when not even that is safe are the encoders sent away, with a sentence that says why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import structlog

from providers.local.storage.broadcast import Broadcast
from providers.local.storage.errors import StorageError, StorageFull
from providers.local.storage.storage import SpaceLevel, Storage

log = structlog.get_logger(__name__)

LOOK_INTERVAL = 5.0
"""Seconds between two looks at the free space: what 50 encoders of 6 Mbit/s write meanwhile is 190 MB."""


class DiskGuard:
    """Looks at the disk, and acts. `monotonic` measures spans in seconds."""

    def __init__(self, storage: Storage, monotonic: Callable[[], float]) -> None:
        self._storage = storage
        self._monotonic = monotonic
        self._next_look = 0.0
        self._begins, self._begins_until = True, 0.0

    def goes_on(self, running: Mapping[str, Broadcast]) -> bool:
        """Look, when it is time to, and stop what is recorded of these broadcasts (by input uid) when there is little room.

        False when there is not even room for the shows.
        """
        now = self._monotonic()
        if not running or now < self._next_look:
            return True
        self._next_look = now + LOOK_INTERVAL
        try:
            room = self._storage.space_level()
        except OSError as problem:
            log.error("the free space is not known", problem=problem.strerror)
            return True
        if room is not SpaceLevel.ENOUGH:
            for uid, broadcast in running.items():
                self._stop_recording(uid, broadcast)
        return room is not SpaceLevel.NONE

    def lets_begin(self) -> bool:
        """Whether there is room for another broadcast, as of the last LOOK_INTERVAL."""
        now = self._monotonic()
        if now >= self._begins_until:
            self._begins_until = now + LOOK_INTERVAL
            try:
                self._storage.check_space()
                self._begins = True
            except StorageFull:
                self._begins = False
            except OSError as problem:
                log.error("the free space is not known", problem=problem.strerror)
        return self._begins

    def _stop_recording(self, uid: str, broadcast: Broadcast) -> None:
        if not broadcast.recording:
            return
        try:
            broadcast.stop_recording()
        except StorageError as problem:
            log.error("recording not stopped", input=uid, recording=broadcast.info.uid, problem=str(problem))
        else:
            log.error("recording stopped: the disk is nearly full", input=uid, recording=broadcast.info.uid)
