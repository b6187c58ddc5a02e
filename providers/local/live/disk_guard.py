"""What happens when the disk fills up while broadcasts run.

First the recordings stop, each closed as it is, and the broadcasts continue with only their live window on the disk. When there is
too little space even for that, the encoders are disconnected with a refusal that says why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import structlog

from providers.base import InputUid
from providers.local.storage.broadcast import Broadcast
from providers.local.storage.errors import StorageError, StorageFull
from providers.local.storage.storage import SpaceLevel, Storage

log = structlog.get_logger(__name__)

SPACE_INTERVAL = 5.0
"""Seconds between two checks of the free space: in this time 50 encoders of 6 Mbit/s write 190 MB."""


class DiskGuard:
    """Checks the free space and stops recordings. `monotonic` is a steady clock in seconds."""

    def __init__(self, storage: Storage, monotonic: Callable[[], float]) -> None:
        self._storage = storage
        self._monotonic = monotonic
        self._next_check = 0.0
        self._can_begin, self._can_begin_until = True, 0.0

    def has_space(self, running: Mapping[InputUid, Broadcast]) -> bool:
        """Check the free space once per SPACE_INTERVAL, and stop the recordings when there is little.

        Args:
            running: The running broadcasts, by input uid.

        Returns:
            False when there is too little space even for the live windows.
        """
        now = self._monotonic()
        if not running or now < self._next_check:
            return True
        self._next_check = now + SPACE_INTERVAL
        try:
            room = self._storage.space_level()
        except OSError as problem:
            log.error("free space unknown", problem=problem.strerror)
            return True
        if room is not SpaceLevel.ENOUGH:
            for uid, broadcast in running.items():
                self._stop_recording(uid, broadcast)
        return room is not SpaceLevel.NONE

    def can_begin(self) -> bool:
        """Whether there is space for another broadcast, as of the last SPACE_INTERVAL."""
        now = self._monotonic()
        if now >= self._can_begin_until:
            self._can_begin_until = now + SPACE_INTERVAL
            try:
                self._storage.check_space()
                self._can_begin = True
            except StorageFull:
                self._can_begin = False
            except OSError as problem:
                log.error("free space unknown", problem=problem.strerror)
        return self._can_begin

    def _stop_recording(self, uid: InputUid, broadcast: Broadcast) -> None:
        if not broadcast.recording:
            return
        try:
            broadcast.stop_recording()
        except StorageError as problem:
            log.error("recording not stopped", input=uid, recording=broadcast.info.uid, problem=str(problem))
        else:
            log.error("recording stopped, disk nearly full", input=uid, recording=broadcast.info.uid)
