"""What of one broadcast is still to be uploaded, and in which order. It does no input or output but the journal's lines.

Segments, init segments and images follow as they are sealed, the index in chunks while it grows. When the broadcast has ended and
nothing else is left, its whole index is uploaded, then its description: an object store that has the description has everything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from providers.local.storage.index import INDEX_FILE
from providers.local.storage.port import BroadcastFiles
from providers.local.storage.recordings import RECORDING_FILE
from providers.local.storage.upload_journal import INDEX_CHUNKS, UploadJournal, index_chunk

INDEX_LINES = 60
"""Lines of the index in a chunk: those of 30 segments with audio and video."""

MEDIA = (".m4s", ".mp4", ".jpg", ".bin")
"""Ends of the names of files that are uploaded as they are."""


@dataclass(slots=True, eq=False)
class Upload:
    """One object to write or delete.

    Attributes:
        broadcast: The broadcast it belongs to.
        name: Of the object, below the broadcast.
        file: The file that has its bytes; None deletes the object.
        start: The first byte of the file.
        end: The byte after the last; None is the end.
    """

    broadcast: BroadcastUploads
    name: str
    file: str | None
    start: int = 0
    end: int | None = None


def _has_files(files: BroadcastFiles) -> bool:
    try:
        return bool(files.names())
    except FileNotFoundError:
        return False


class UploadQueue(Protocol):
    """Where uploads wait. `uploader.Uploader` implements it."""

    def submit(self, upload: Upload) -> bool:
        """Queue an upload. Return False if there is no room: the broadcast's files are scanned again later."""

    def scan_again(self, uid: str) -> None:
        """Scan the files of a broadcast soon, and report them to `BroadcastUploads.found`."""


class BroadcastUploads:
    """The uploads of one broadcast. Call its methods in the event loop. They raise StorageError if the journal cannot be written.

    Attributes:
        removed: Whether the broadcast was deleted; nothing of it is uploaded any more.
        in_flight: Requests of this broadcast that are under way.
    """

    def __init__(self, uid: str, files: BroadcastFiles, queue: UploadQueue) -> None:
        """Read the journal: blocking. Raises OSError."""
        self.uid = uid
        self.files = files
        self.journal = UploadJournal(files)
        self.removed = False
        self.in_flight = 0
        self._queue = queue
        self._incomplete = _has_files(files)
        self._growing: set[str] = set()
        self._queued: dict[str, Upload] = {}
        self._changed: set[str] = set()
        self._deleted: set[str] = set()
        self._index_sent = self.journal.index_bytes
        self._described = False
        self._closing: list[str] = []

    @property
    def may_have_objects(self) -> bool:
        """Whether something was, or is being, uploaded."""
        return bool(self.journal.sizes or self._queued or self.in_flight)

    # What happens to the local files

    def opened(self, name: str) -> None:
        """Note that a file grows."""
        self._growing.add(name)
        self._deleted.discard(name)

    def closed(self, name: str, *, sealed: bool) -> None:
        """Note that a file no longer grows. Unless it is `sealed`, it is not whole."""
        self._growing.discard(name)
        if sealed and name.endswith(MEDIA):
            self._upload(name)
        self._advance()

    def replaced(self, name: str) -> None:
        """Note that a file has other contents."""
        if name == RECORDING_FILE:
            self._describe()
        elif name == INDEX_FILE:
            self._drop_chunks()  # it was repaired: the offsets are others
        elif name.endswith(MEDIA):
            self._upload(name)

    def deleted(self, name: str) -> None:
        """Note that a file was deleted, not evicted: its object is deleted, too."""
        self._growing.discard(name)
        if name in self._queued or name in self.journal.sizes:
            self._deleted.add(name)
            self._delete(name)

    def index_grew(self, size: int) -> None:
        """Note that INDEX_LINES were appended to the index, which has `size` bytes now."""
        if size > self._index_sent and self._put(index_chunk(self._index_sent), INDEX_FILE, self._index_sent, size):
            self._index_sent = size

    def found(self, local: Mapping[str, int]) -> None:
        """Queue what is not confirmed of the files that a scan found, with their sizes."""
        self._incomplete = False
        for name, size in local.items():
            if name.endswith(MEDIA) and name not in self._growing and self.journal.sizes.get(name) != size:
                self._upload(name)
        if RECORDING_FILE in local and not self.journal.complete:
            self._describe()
        self._advance()

    # What happens to the uploads

    def confirmed(self, upload: Upload, size: int) -> bool:
        """Note that an upload of `size` bytes was confirmed. Return whether its file is now in the object store as it is."""
        if self.removed:
            return False
        if upload.file is None:
            return False
        self.journal.confirm(upload.name, size)  # first: if it fails, the upload is tried again
        self._forget(upload)
        if upload.name in self._deleted:
            self._delete(upload.name)
            return False
        if again := upload.name in self._changed:
            self._changed.discard(upload.name)
            self._upload(upload.name)
        if self._closing and self._closing[0] == upload.name:
            self._closing.pop(0)
            if not self._closing:
                self.journal.finish()
                self._described = False
                self._drop_chunks()
        self._advance()
        return not again and upload.name not in self._growing and upload.file == upload.name

    def dropped(self, upload: Upload) -> None:
        """Note that an upload will not happen: its file is gone."""
        self._forget(upload)
        self._changed.discard(upload.name)
        if self._closing and self._closing[0] == upload.name:
            self._closing, self._described = [], False
        self._advance()

    def _forget(self, upload: Upload) -> None:
        if self._queued.get(upload.name) is upload:
            del self._queued[upload.name]

    def _describe(self) -> None:
        self._described = True
        self._closing = [INDEX_FILE, RECORDING_FILE]
        self._advance()

    def _advance(self) -> None:
        """Upload the next of the last files, once nothing else is left."""
        if not self._described or not self._closing or self._queued or INDEX_FILE in self._growing:
            return
        if self._incomplete:
            self._queue.scan_again(self.uid)
        else:
            self._upload(self._closing[0])

    def _upload(self, name: str) -> None:
        if name in self._queued:
            self._changed.add(name)
        else:
            self._put(name, name)

    def _put(self, name: str, file: str, start: int = 0, end: int | None = None) -> bool:
        upload = Upload(self, name, file, start, end)
        if self.removed:
            return False
        if not self._queue.submit(upload):
            self._incomplete = True
            return False
        self._queued[name] = upload
        return True

    def _delete(self, name: str) -> None:
        self.journal.forget(name)
        self._queue.submit(Upload(self, name, None))

    def _drop_chunks(self) -> None:
        for name in [each for each in self.journal.sizes if each.startswith(INDEX_CHUNKS)]:
            self._delete(name)
        self._index_sent = 0
