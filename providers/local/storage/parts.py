"""The parts of a segment: served from memory while it is recent, and from its file afterwards."""

from __future__ import annotations

import asyncio
from io import BytesIO
from typing import BinaryIO

from providers.local.manifest.views import PartView
from providers.local.mp4.reader import fragment_span
from providers.local.packager.events import Part
from providers.local.storage.port import BroadcastFiles

MEMORY_BYTES = 16 << 20
"""Bytes of media that a track keeps in memory. The rest is read from its file."""


class StoredParts:
    """The parts of one segment: their offsets in the file and, while the segment is recent, their bytes."""

    __slots__ = ("_chunks", "_data", "hidden", "offsets", "size", "views")

    def __init__(self) -> None:
        self.views: list[PartView] = []
        self.offsets: list[int] = []
        self.size = 0
        self.hidden = False
        self._chunks: list[bytes] | None = []
        self._data: bytes | None = None

    def add(self, part: Part) -> None:
        """Add a part that was written to the file."""
        self.views.append(PartView(part.duration, part.independent))
        self.offsets.append(self.size)
        self.size += len(part.data)
        # A segment that never ends must not fill the memory. Its parts are read from the file.
        if self.size > MEMORY_BYTES:
            self._chunks = None
        if self._chunks is not None:
            self._chunks.append(part.data)

    @property
    def listed(self) -> list[PartView]:
        """Parts that playlists list. None if they were cut for another PART-TARGET (RFC 8216bis §4.4.3.7)."""
        return [] if self.hidden else self.views

    def seal(self) -> None:
        """Join the parts: the segment is complete, and most players request it as a whole."""
        if self._chunks is not None:
            self._data, self._chunks = b"".join(self._chunks), None

    def drop_bytes(self) -> None:
        """Keep the bytes in the file only."""
        self._chunks = self._data = None

    @property
    def whole(self) -> bytes | None:
        """Bytes of the complete segment; None if they are not in memory."""
        return self._data

    def part(self, index: int) -> bytes | None:
        """Return the bytes of part `index`; None if it does not exist or is not in memory."""
        if index >= len(self.offsets):
            return None
        if self._data is not None:
            end = self.offsets[index + 1] if index + 1 < len(self.offsets) else self.size
            return self._data[self.offsets[index] : end]
        return None if self._chunks is None else self._chunks[index]


async def load_part(files: BroadcastFiles, name: str, index: int) -> bytes | None:
    """Return part `index` of a segment from its file; None if there is none. Raises OSError.

    An evicted segment is loaded whole, once for all who request it: its other parts are requested next.
    """
    try:
        if files.sendfile(name, {}) is None:  # not on the disk
            return _part(BytesIO(await files.load(name)), index)
        return await asyncio.to_thread(_read_part, files, name, index)
    except FileNotFoundError:
        return None


def _read_part(files: BroadcastFiles, name: str, index: int) -> bytes | None:
    with files.open(name) as segment:
        return _part(segment, index)


def _part(segment: BinaryIO, index: int) -> bytes | None:
    """Return part `index` of a segment: each part is one fragment."""
    span = fragment_span(segment, index)
    if span is None:
        return None
    segment.seek(span[0])
    return segment.read(span[1] - span[0])
