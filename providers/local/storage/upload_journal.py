"""Which files of a broadcast the object store has confirmed: one JSON line each, in a file beside them.

So a restart knows what is left to upload without asking the store, which may be unavailable, and recovery knows that a
segment without a local copy exists. A line that a power failure lost means one more upload of the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import structlog

from providers.local.storage.port import BroadcastFiles

log = structlog.get_logger(__name__)

JOURNAL_FILE = "uploads.jsonl"

INDEX_CHUNKS = "index/"
"""How the names of objects begin that hold a piece of a running broadcast's index."""


class UploadJournal:
    """The journal of one broadcast.

    Attributes:
        sizes: Bytes of each confirmed object, by its name below the broadcast.
        complete: Whether the broadcast has ended and all of it is confirmed.
    """

    def __init__(self, files: BroadcastFiles) -> None:
        """Read the journal; a missing one is empty. Blocking: 1 ms for an hour, 40 ms for a day. Raises OSError."""
        self._files = files
        self.sizes: dict[str, int] = {}
        self.complete = False
        try:
            data = files.read(JOURNAL_FILE)
        except FileNotFoundError:
            return
        for row in data.split(b"\n"):
            try:
                line = json.loads(row) if row else {}
            except ValueError:
                continue  # half a line of a power failure: what it named is uploaded again
            self._apply(line)

    def confirm(self, name: str, size: int) -> None:
        """Note that the object `name` of `size` bytes is stored. Raises StorageError."""
        self._write({"name": name, "size": size})

    def forget(self, name: str) -> None:
        """Note that the object is, or will be, deleted. Raises StorageError."""
        if name in self.sizes:
            self._write({"deleted": name})

    def finish(self) -> None:
        """Note that the whole broadcast is stored. Raises StorageError."""
        self._write({"complete": True})

    def _write(self, line: dict[str, Any]) -> None:
        file = self._files.reopen(JOURNAL_FILE)
        try:
            file.append(_line(line))
        finally:
            # Unsynced: the kernel writes it back long before the local copy of the file may be evicted.
            file.close()
        self._apply(line)

    def _apply(self, line: Any) -> None:
        match line:
            case {"name": str(name), "size": int(size)}:
                self.sizes[name] = size
            case {"deleted": str(name)}:
                self.sizes.pop(name, None)
            case {"complete": bool(complete)}:
                self.complete = complete
            case _:
                return

    @staticmethod
    def encoded(sizes: Mapping[str, int]) -> bytes:
        """Return the journal of a broadcast that is stored whole."""
        lines: list[dict[str, Any]] = [{"name": name, "size": size} for name, size in sizes.items()]
        return b"".join(_line(each) for each in [*lines, {"complete": True}])

    @property
    def index_bytes(self) -> int:
        """Bytes of the index that are stored in chunks. A chunk's name is its offset, so they follow one another."""
        end = 0
        while (size := self.sizes.get(index_chunk(end))) is not None:
            end += size
        return end


def _line(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode() + b"\n"


def index_chunk(start: int) -> str:
    """Return the name of the piece of the index that begins at byte `start`."""
    return f"{INDEX_CHUNKS}{start:012d}.jsonl"
