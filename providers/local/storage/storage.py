"""All broadcasts of a storage: begin one, recover after a crash, open and delete recordings."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from enum import Enum, auto

import structlog

from providers.concurrency import SingleFlight
from providers.local.storage import index
from providers.local.storage.broadcast import Broadcast
from providers.local.storage.errors import StorageError, StorageFull
from providers.local.storage.index import INDEX_FILE, UID, BroadcastInfo, BrokenIndex
from providers.local.storage.port import StorageBackend
from providers.local.storage.recordings import RECORDING_FILE, StoredRecording, decode, encode, read_all
from providers.local.storage.recovery import consistent, is_stored, recover

log = structlog.get_logger(__name__)


READ_SECONDS = 900.0
"""Seconds since its last request after which a recording is no longer watched. Players buffer up to some minutes."""

MAX_READ = 10_000
"""Recordings whose last request is known."""


@dataclass(frozen=True, slots=True)
class StorageLimits:
    """Limits of the storage.

    Attributes:
        min_free: Free bytes needed to begin a broadcast.
        record_free: Free bytes needed to continue recording.
        live_free: Free bytes needed to continue a broadcast.
        open_recordings: Recordings kept open for playback.
        open_segments: Segments these may have together. A recording of a day has 86,000, about 70 MB.
    """

    min_free: int = 512 << 20
    record_free: int = 256 << 20
    live_free: int = 64 << 20
    open_recordings: int = 64
    open_segments: int = 200_000


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A recording that was read, and its description if it was corrected."""

    broadcast: Broadcast
    correction: StoredRecording | None


class SpaceLevel(Enum):
    """What running broadcasts may still write."""

    ENOUGH = auto()
    LIVE_ONLY = auto()
    NONE = auto()


class Storage:
    """All broadcasts and recordings. Methods access the disk but never wait for a sync."""

    def __init__(
        self,
        backend: StorageBackend,
        limits: StorageLimits = StorageLimits(),
        *,
        corrected: Callable[[StoredRecording], None] = lambda recording: None,
        is_known: Callable[[str], bool] = lambda uid: False,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Use the broadcasts of a backend.

        Args:
            backend: Where the files are.
            limits: The limits.
            monotonic: The clock of `is_read`, in seconds.
            is_known: Returns whether there is a recording with a uid, wherever its media is. Others are not looked for elsewhere.
            corrected: Called with a recording whose stored description contradicted its media and was corrected.
        """
        self._backend = backend
        self._monotonic = monotonic
        self._read_at: OrderedDict[str, float] = OrderedDict()
        self._corrected = corrected
        self._is_known = is_known
        self._limits = limits
        self._deleted: set[str] = set()  # by this process: a load that began before must not bring one back
        self._opened: OrderedDict[str, Broadcast] = OrderedDict()
        self._loading: SingleFlight[str, _Loaded | None] = SingleFlight()

    def begin(self, info: BroadcastInfo) -> Broadcast:
        """Begin a broadcast.

        Raises:
            StorageFull: There is too little free space.
            StorageError: It cannot be created.
        """
        self.check_space()
        files = self._backend.create(info.uid)
        try:
            file = files.create(INDEX_FILE)
            try:
                file.append(index.begin_line(info))
            except StorageError:
                file.close()
                raise
        except StorageError:
            self._backend.delete(info.uid)
            raise
        return Broadcast(files, info, file)

    def check_space(self) -> None:
        """Raise StorageFull if a broadcast could not begin now."""
        free = self.free_space()
        if free < self._limits.min_free:
            also = self._backend.shortage()
            raise StorageFull(
                f"The recordings disk is nearly full: {free >> 20} MiB free, {self._limits.min_free >> 20} MiB needed"
                f"{also and f'; {also}'}"
            )

    def space_level(self) -> SpaceLevel:
        """Return what running broadcasts may still write. Raises OSError."""
        free = self.free_space()
        if free >= self._limits.record_free:
            return SpaceLevel.ENOUGH
        return SpaceLevel.LIVE_ONLY if free >= self._limits.live_free else SpaceLevel.NONE

    def free_space(self) -> int:
        """Return how many bytes may still be written. Raises OSError."""
        return self._backend.free_space()

    def recover(self, known: Collection[str] = ()) -> list[Broadcast]:
        """Return the broadcasts that ran when the process ended, oldest first, ready for `write` or `finish`.

        Damaged ones are set aside. Blocking; call it once. The descriptions of `known` recordings are not read.
        """
        return recover(self._backend, known)

    def uids(self) -> set[str]:
        """Return the uids of all broadcasts. Blocking: 5 ms for 10,000. Raises OSError."""
        return set(self._backend.list())

    def recordings(self, uids: Iterable[str] | None = None) -> list[StoredRecording]:
        """Return the descriptions of finished recordings, by default all. Blocking: about 0.1 ms each."""
        return read_all(self._backend, uids)

    async def open(self, uid: str) -> Broadcast | None:
        """Return a finished broadcast for reading; None if there is none."""
        known = self._opened.get(uid)
        if known is not None:
            self._opened.move_to_end(uid)
            return known
        # It comes from a URL and becomes a file name.
        if not UID.fullmatch(uid):
            return None
        # In a thread: the index of a day is some 20 MB of lines, and takes 2 s.
        loop = asyncio.get_running_loop()
        loaded = await self._loading.join(uid, lambda: loop.run_in_executor(None, self._load, uid))
        if loaded is None:
            return None
        if uid in self._deleted:
            return None
        # Several requests may have shared the load; one correction is enough.
        if loaded.correction is not None and uid not in self._opened:
            self._corrected(loaded.correction)
        return self.keep(loaded.broadcast)

    def is_read(self, uid: str) -> bool:
        """Return whether a recording was played in the last READ_SECONDS."""
        return uid in self._read_at and self._monotonic() - self._read_at[uid] < READ_SECONDS

    def note_read(self, uid: str) -> None:
        """Note that a player requests a recording now."""
        self._read_at[uid] = self._monotonic()
        self._read_at.move_to_end(uid)
        if len(self._read_at) > MAX_READ:
            self._read_at.popitem(last=False)

    def keep(self, broadcast: Broadcast) -> Broadcast:
        """Keep a finished broadcast for `open`: all its viewers request it again when it ends."""
        broadcast = self._opened.setdefault(broadcast.info.uid, broadcast)
        segments = sum(each.segments for each in self._opened.values())
        # One stays, however large: it is the one that was requested.
        while len(self._opened) > 1 and (
            len(self._opened) > self._limits.open_recordings or segments > self._limits.open_segments
        ):
            _, oldest = self._opened.popitem(last=False)
            segments -= oldest.segments
        return broadcast

    def _load(self, uid: str) -> _Loaded | None:
        try:
            if (found := self._read(uid)) is None and self._is_known(uid) and self._backend.fetch(uid):
                found = self._read(uid)
        except (OSError, StorageError) as problem:
            log.error("recording not fetched", uid=uid, problem=str(problem))
            return None
        return found

    def _read(self, uid: str) -> _Loaded | None:
        files = self._backend.open(uid)
        try:
            stored = decode(files.read(RECORDING_FILE))
            info, lines, _ = index.decode(files.read(INDEX_FILE))
            broadcast = Broadcast(files, info, None)
            broadcast.restore(consistent(lines, lambda line: is_stored(files, line)))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, BrokenIndex) as problem:
            log.error("recording unreadable", uid=uid, problem=str(problem))
            return None
        return _Loaded(broadcast, self._correct(stored, broadcast.described(stored.modified.timestamp())))

    def _correct(self, stored: StoredRecording, found: StoredRecording | None) -> StoredRecording | None:
        """Correct the description if it contradicts the playlist. Return the correction."""
        if found is None or (found.duration, found.size) == (stored.duration, stored.size):
            return None
        log.warning("recording corrected", uid=stored.uid, duration=found.duration, described_as=stored.duration)
        correction = replace(stored, duration=found.duration, size=found.size)
        try:
            self._backend.open(stored.uid).replace(RECORDING_FILE, encode(correction))
        except StorageError as problem:
            log.error("correction not stored", uid=stored.uid, problem=str(problem))
        return correction

    def delete(self, uid: str) -> None:
        """Remove a recording. A missing one is no error. Blocking. Raises StorageError if its files are still there."""
        if UID.fullmatch(uid):
            self._backend.delete(uid)
            self._deleted.add(uid)
            self._opened.pop(uid, None)

    def close(self) -> None:
        """Wait for background writes. Blocking."""
        self._backend.close()
