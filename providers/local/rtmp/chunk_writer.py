"""Writing the RTMP chunk stream (specification 1.0, §5.3): messages become chunks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from providers.local.rtmp.chunks import DEFAULT_CHUNK_SIZE, EXTENDED, SET_CHUNK_SIZE, RtmpMessage, uint32_of


class _Sent(NamedTuple):
    """The last message of a chunk stream, as far as headers refer to it."""

    timestamp: int
    delta: int
    length: int
    type_id: int
    stream_id: int


class ChunkWriter:
    """Cuts messages into chunks, with the shortest header the specification allows (§5.3.1.2)."""

    def __init__(self) -> None:
        self._chunk_size = DEFAULT_CHUNK_SIZE
        self._sent: dict[int, _Sent] = {}

    def message(self, chunk_stream_id: int, message: RtmpMessage) -> bytes:
        """Return all chunks of `message`."""
        return b"".join(self.chunks(chunk_stream_id, message))

    def chunks(self, chunk_stream_id: int, message: RtmpMessage) -> Iterator[bytes]:
        """Yield the chunks of `message`, which may be interleaved with those of other chunk streams only.

        A Set Chunk Size message takes effect for all messages begun after its last chunk.
        """
        size, payload = self._chunk_size, message.payload
        header, extension = self._header(chunk_stream_id, message)
        yield header + payload[:size]
        # §5.3.1.3: every chunk of the message repeats the extended timestamp.
        repeat = _basic_header(3, chunk_stream_id) + extension
        for start in range(size, len(payload), size):
            yield repeat + payload[start : start + size]
        # §5.4.1: the new size holds for what follows, not for the message that announces it.
        if message.type_id == SET_CHUNK_SIZE:
            self._chunk_size = uint32_of(message)

    def _header(self, chunk_stream_id: int, message: RtmpMessage) -> tuple[bytes, bytes]:
        """Return the first chunk's header, and its extended timestamp field, which every chunk of the message repeats."""
        last = self._sent.get(chunk_stream_id)
        length = len(message.payload)
        stamp = message.timestamp
        # A delta cannot be negative, so time that goes back needs a header with an absolute time (§5.3.1.2.1).
        if last is None or last.stream_id != message.stream_id or message.timestamp < last.timestamp:
            kind = 0
        else:
            stamp = message.timestamp - last.timestamp
            same = (last.length, last.type_id) == (length, message.type_id)
            # A header of type 3 repeats everything, the delta included (§5.3.1.2.4).
            kind = (3 if last.delta == stamp else 2) if same else 1
        self._sent[chunk_stream_id] = _Sent(message.timestamp, stamp, length, message.type_id, message.stream_id)
        # 0xFFFFFF itself says that the value is in the extension (§5.3.1.3).
        extension = stamp.to_bytes(4, "big") if stamp >= EXTENDED else b""
        fields = (
            min(stamp, EXTENDED).to_bytes(3, "big"),
            length.to_bytes(3, "big") + bytes([message.type_id]),
            # The only little-endian field of the protocol (§5.3.1.2.1), besides the long ids below.
            message.stream_id.to_bytes(4, "little"),
        )
        return _basic_header(kind, chunk_stream_id) + b"".join(fields[: 3 - kind]) + extension, extension


def _basic_header(kind: int, chunk_stream_id: int) -> bytes:
    if chunk_stream_id < 64:
        return bytes([kind << 6 | chunk_stream_id])
    # Ids 0 and 1 of the first byte announce the forms with 2 and 3 bytes, and 2 is reserved (§5.3.1.1).
    tail = chunk_stream_id - 64
    if tail < 256:
        return bytes([kind << 6, tail])
    return bytes([kind << 6 | 1]) + tail.to_bytes(2, "little")
