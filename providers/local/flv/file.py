"""FLV as a byte stream, sans-I/O: what ffmpeg writes to a pipe and reads from one (FLV specification 10.1, annex E).

Errors::

    FlvError
    ├── NotFlv        the stream does not begin with an FLV header
    ├── BadTag        a tag has an unknown type or is encrypted
    └── TagTooLarge   a tag exceeds the reader's limit (carries size and limit, in bytes)

After an error a reader cannot be used again.
"""

from __future__ import annotations

from struct import Struct

from providers.local.flv.tag import FlvTag, TagKind

MAX_TAG_SIZE = 16 * 1024 * 1024 - 1
"""The largest payload of a tag in bytes: DataSize has 24 bits."""

MAX_HEADER_SIZE = 1024
"""The largest accepted DataOffset in bytes (E.2); in practice it is 9."""

_FILE_HEADER = Struct(">3sBBI")
_PREVIOUS_SIZE = Struct(">I")
_TAG_HEADER = Struct(">II3x")
"""TagType (8 bits) with DataSize (24), Timestamp (24 bits) with TimestampExtended (8), StreamID (always 0)."""

_PREFIX_SIZE = _PREVIOUS_SIZE.size + _TAG_HEADER.size
_KINDS = {int(kind): kind for kind in TagKind}
_FILTER_BIT = 0x20
"""The tag is encrypted (E.4.1)."""


class FlvError(Exception):
    """The bytes are not a readable FLV stream."""


class NotFlv(FlvError):
    """The stream does not begin with an FLV header."""


class BadTag(FlvError):
    """A tag header is invalid."""


class TagTooLarge(FlvError):
    """A tag exceeds the limit."""

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(f"FLV tag of {size} bytes, the limit is {limit}")
        self.size = size
        self.limit = limit


def flv_header(*, audio: bool = True, video: bool = True) -> bytes:
    """Return the first 13 bytes of a stream (E.2, E.3): the header and PreviousTagSize0. Tags from `serialize` follow."""
    flags = (0x04 if audio else 0) | (0x01 if video else 0)
    return _FILE_HEADER.pack(b"FLV", 1, flags, _FILE_HEADER.size) + _PREVIOUS_SIZE.pack(0)


def serialize(tag: FlvTag) -> bytes:
    """Return a tag with its header and the PreviousTagSize that follows it (E.4.1). Raise TagTooLarge."""
    kind, timestamp, payload = tag
    size = len(payload)
    # DataSize has 24 bits: a larger payload would be written with a wrong size.
    if size > MAX_TAG_SIZE:
        raise TagTooLarge(size, MAX_TAG_SIZE)
    # The lower 24 bits come first, the upper 8 bits after them as TimestampExtended (E.4.1).
    shifted = (timestamp & 0xFFFFFF) << 8 | (timestamp >> 24 & 0xFF)
    header = _TAG_HEADER.pack(kind << 24 | size, shifted)
    return b"".join((header, payload, _PREVIOUS_SIZE.pack(_TAG_HEADER.size + size)))


class FlvReader:
    """Parses one FLV stream that arrives in chunks of any size. Returns each tag as soon as its payload is complete.

    Buffers at most one incomplete tag (`max_tag_size` bytes) besides the chunk that is fed.
    """

    def __init__(self, *, max_tag_size: int = MAX_TAG_SIZE) -> None:
        self._max_tag_size = max_tag_size
        self._buffer = bytearray()
        self._in_header = True

    @property
    def buffered(self) -> int:
        """Bytes of an incomplete tag; at the end of a complete stream only PreviousTagSize (4 bytes) is left."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[FlvTag]:
        """Return the tags that `data` completes. Raise NotFlv, BadTag or TagTooLarge."""
        self._buffer += data
        if self._in_header and not self._skip_header():
            return []
        tags: list[FlvTag] = []
        position = 0
        while (end := self._read_tag(position, tags)) > position:
            position = end
        # Once for all tags of a chunk: each deletion at the front moves the rest.
        del self._buffer[:position]
        return tags

    def _skip_header(self) -> bool:
        buffer = self._buffer
        # Also for the first one or two bytes: no need to wait for the third.
        if not b"FLV".startswith(bytes(buffer[:3])):
            raise NotFlv(f"an FLV stream begins with 'FLV', not {bytes(buffer[:3])!r}")
        if len(buffer) < _FILE_HEADER.size:
            return False
        _, version, _, size = _FILE_HEADER.unpack_from(buffer)
        if version != 1 or not _FILE_HEADER.size <= size <= MAX_HEADER_SIZE:
            raise NotFlv(f"FLV version {version} with a header of {size} bytes")
        if len(buffer) < size:
            return False
        del buffer[:size]
        self._in_header = False
        return True

    def _read_tag(self, position: int, tags: list[FlvTag]) -> int:
        """Append the tag after the PreviousTagSize at `position` if it is complete. Return where the next one begins."""
        buffer = self._buffer
        start = position + _PREFIX_SIZE
        if len(buffer) < start:
            return position
        kind_and_size: int
        shifted: int
        kind_and_size, shifted = _TAG_HEADER.unpack_from(buffer, position + _PREVIOUS_SIZE.size)
        kind = _KINDS.get(kind_and_size >> 24 & 0x1F)
        if kind is None or kind_and_size >> 24 & _FILTER_BIT:
            raise BadTag(f"FLV tag type {kind_and_size >> 24}")
        size = kind_and_size & 0xFFFFFF
        if size > self._max_tag_size:
            raise TagTooLarge(size, self._max_tag_size)
        end = start + size
        if len(buffer) < end:
            return position
        timestamp = shifted >> 8 | (shifted & 0xFF) << 24
        tags.append(FlvTag(kind, timestamp, bytes(memoryview(buffer)[start:end])))
        return end
