"""The parts of a segment: served from memory while it is young, and from its file afterwards."""

from __future__ import annotations

from contextlib import suppress

from providers.local.manifest.views import PartView
from providers.local.mp4.reader import fragment_span
from providers.local.packager.events import Part
from providers.local.storage.port import BroadcastFiles

MEMORY_BYTES = 16 << 20
"""The most bytes of media a track keeps in memory; what does not fit is read from its file."""


class StoredParts:
    """The parts of one segment: where each lies in the file and, while the segment is young, its bytes."""

    __slots__ = ("_chunks", "_data", "hidden", "offsets", "size", "views")

    def __init__(self) -> None:
        self.views: list[PartView] = []
        self.offsets: list[int] = []
        self.size = 0
        self.hidden = False
        self._chunks: list[bytes] | None = []
        self._data: bytes | None = None

    def add(self, part: Part) -> None:
        """One more part; it is in the file already."""
        self.views.append(PartView(part.duration, part.independent))
        self.offsets.append(self.size)
        self.size += len(part.data)
        if self.size > MEMORY_BYTES:
            self._chunks = None
        if self._chunks is not None:
            self._chunks.append(part.data)

    @property
    def listed(self) -> list[PartView]:
        """What playlists show: nothing when they were cut for another part target than players are told."""
        return [] if self.hidden else self.views

    def seal(self) -> None:
        """The segment is whole: keep it in one piece, since it is asked for as one by many."""
        if self._chunks is not None:
            self._data, self._chunks = b"".join(self._chunks), None

    def drop_bytes(self) -> None:
        """Only the file has them now."""
        self._chunks = self._data = None

    @property
    def whole(self) -> bytes | None:
        """The sealed segment's bytes, if they are in memory."""
        return self._data

    def part(self, index: int) -> bytes | None:
        """The bytes of part `index`, if there is one and it is in memory."""
        if index >= len(self.offsets):
            return None
        if self._data is not None:
            end = self.offsets[index + 1] if index + 1 < len(self.offsets) else self.size
            return self._data[self.offsets[index] : end]
        return None if self._chunks is None else self._chunks[index]


def read_part(files: BroadcastFiles, name: str, index: int) -> bytes | None:
    """Part `index` of a segment, from its file: every part is one fragment. None when there is none. Blocking."""
    with suppress(FileNotFoundError), files.open(name) as segment:
        span = fragment_span(segment, index)
        if span is not None:
            segment.seek(span[0])
            return segment.read(span[1] - span[0])
    return None
