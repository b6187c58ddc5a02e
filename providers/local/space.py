"""What becomes of the show when the disk fills up while it runs.

First the recordings stop, each closed as it is, and the broadcasts go on with nothing but their live window on the disk. Only
when not even that is safe are the encoders sent away, with a sentence that says why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import structlog

from providers.local.session import LiveSession
from providers.local.shelf.broadcast import Broadcast
from providers.local.shelf.errors import ShelfError
from providers.local.shelf.shelf import Room, Shelf

log = structlog.get_logger(__name__)

LOOK_INTERVAL = 5.0
"""Seconds between two looks at the free space: what 50 encoders of 6 Mbit/s write meanwhile is 190 MB."""

NO_ROOM = (
    "NetStream.Failed",
    "The disk of this server is full: the stream cannot go on. Ask its operator to make room.",
)


class SpaceGuard:
    """Looks at the disk, and acts. `monotonic` measures spans in seconds."""

    def __init__(self, shelf: Shelf, monotonic: Callable[[], float]) -> None:
        self._shelf = shelf
        self._monotonic = monotonic
        self._next_look = 0.0

    def check(self, sessions: Mapping[str, LiveSession], running: Mapping[str, Broadcast]) -> None:
        """Look, when it is time to. Both mappings are by input uid; a session that is stopped leaves them."""
        now = self._monotonic()
        if not running or now < self._next_look:
            return
        self._next_look = now + LOOK_INTERVAL
        try:
            room = self._shelf.room()
        except OSError as problem:
            log.error("the free space is not known", problem=problem.strerror)
            return
        if room is not Room.ENOUGH:
            for uid, broadcast in running.items():
                self._stop_recording(uid, broadcast)
        if room is Room.NONE:
            for session in list(sessions.values()):
                session.stop("disk_full", *NO_ROOM)

    def _stop_recording(self, uid: str, broadcast: Broadcast) -> None:
        if not broadcast.recording:
            return
        try:
            broadcast.stop_recording()
        except ShelfError as problem:
            log.error("recording not stopped", input=uid, recording=broadcast.info.uid, problem=str(problem))
        else:
            log.error("recording stopped: the disk is nearly full", input=uid, recording=broadcast.info.uid)
