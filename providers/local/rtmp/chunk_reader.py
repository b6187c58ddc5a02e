"""Reading the RTMP chunk stream (specification 1.0, §5.3): interleaved chunks become messages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass, field
from struct import Struct

from providers.local.rtmp.buffer import ReceiveBuffer
from providers.local.rtmp.chunks import (
    ABORT,
    AUDIO,
    COMMAND_TYPES,
    CONTROL_TYPES,
    DEFAULT_CHUNK_SIZE,
    EXTENDED,
    MAX_CHUNK_SIZE,
    MEDIA_TYPES,
    READ_TYPES,
    SET_CHUNK_SIZE,
    UINT32,
    VIDEO,
    ChunkLimits,
    RtmpMessage,
    uint32_of,
)
from providers.local.rtmp.errors import ChunkMalformed, LimitExceeded


@dataclass(slots=True)
class _ChunkStream:
    """What the next chunk header of one chunk stream may leave out, and the message that is being put together."""

    timestamp: int = 0
    delta: int = 0
    length: int = 0
    type_id: int = 0
    stream_id: int = 0
    extension: bytes = b""
    """The extended timestamp field as sent, empty when there was none."""
    described: bool = False
    """A header has given the length and type."""
    skipping: bool = False
    """The message is skipped: its payload is not held."""
    passed: int = 0
    """Bytes of the unfinished message that have arrived."""
    partial: bytearray = field(default_factory=bytearray)


HEADER_SIZES = (11, 7, 3)
"""Bytes of the message headers of types 0, 1 and 2 (§5.3.1.2)."""

_TYPE_1 = Struct(">II")
"""A short basic header and a message header of type 1: one byte and timestamp delta, then length and one byte of type."""


class ChunkReader:
    """Reads chunks from `buffer` and returns messages. Set Chunk Size and Abort (§5.4.1, §5.4.2) are handled here and not returned.

    `limits` and `skips_commands` (whether a command above `message_size` is skipped, too) may be changed at any time. `skipped`
    counts skipped messages by type id. A skipped message passes through without being held. `chunks` counts chunks, and is
    reset at every read by the feeder of the buffer.
    """

    def __init__(self, buffer: ReceiveBuffer, limits: ChunkLimits) -> None:
        self.limits = limits
        self.skips_commands = False
        self.chunks = 0
        self.skipped: Counter[int] = Counter()
        self._buffer = buffer
        self._chunk_size = DEFAULT_CHUNK_SIZE
        self._streams: dict[int, _ChunkStream] = {}
        self._held = 0

    @property
    def chunk_streams(self) -> int:
        """The number of chunk streams that the peer has used."""
        return len(self._streams)

    @property
    def held(self) -> int:
        """The bytes of unfinished messages that are held."""
        return sum(len(stream.partial) for stream in self._streams.values())

    def message(self) -> Generator[None, None, RtmpMessage]:
        """Read the next whole message. Errors: ChunkMalformed, LimitExceeded."""
        while True:
            self.chunks += 1
            if self.chunks > self.limits.chunks:
                raise LimitExceeded("chunks in one read", self.limits.chunks)
            if (message := self._usual_message()) is not None:
                return message
            stream = yield from self._header()
            if (payload := (yield from self._payload(stream))) is None:
                continue
            message = RtmpMessage(stream.type_id, stream.stream_id, stream.timestamp, payload)
            if stream.type_id == SET_CHUNK_SIZE:
                self._set_chunk_size(message)
            elif stream.type_id == ABORT:
                self._abort(message)
            else:
                return message

    def _usual_message(self) -> RtmpMessage | None:
        """Read audio or video in one complete chunk with a header of type 1: most of what ffmpeg sends.

        Written for speed: does in one go what `_header` and `_payload` do step by step, and leaves everything else to them,
        untouched.
        """
        buffer = self._buffer
        data, at = buffer.data, buffer.position
        start = at + 8
        if len(data) < start:
            return None
        first, second = _TYPE_1.unpack_from(data, at)
        # Ids 0 and 1 begin a longer header (§5.3.1.1). No stream has them, so those chunks take the other way.
        stream = self._streams.get(first >> 24 & 0x3F)
        delta, length, type_id = first & EXTENDED, second >> 8, second & 0xFF
        end = start + length
        if (
            first >> 30 != 1
            or stream is None
            or stream.passed
            or delta == EXTENDED
            or not (type_id == AUDIO or type_id == VIDEO)
            or length > self._chunk_size
            or length > self.limits.media_size
            or end > len(data)
        ):
            return None
        buffer.position = end
        stream.extension = b""
        stream.described, stream.skipping = True, False
        stream.delta, stream.length, stream.type_id = delta, length, type_id
        # Time wraps after 49 days (§4).
        timestamp = stream.timestamp = (stream.timestamp + delta) & UINT32
        return RtmpMessage(type_id, stream.stream_id, timestamp, data[start:end])

    def _header(self) -> Generator[None, None, _ChunkStream]:
        """Read basic header, message header and extended timestamp (§5.3.1)."""
        buffer = self._buffer
        first = (buffer.read(1) if len(buffer) else (yield from buffer.exactly(1)))[0]
        chunk_stream_id = first & 0x3F
        # 0: one more byte of id, 1: two more (§5.3.1.1).
        if chunk_stream_id < 2:
            chunk_stream_id = yield from self._long_id(chunk_stream_id)
        kind = first >> 6
        stream = self._streams.get(chunk_stream_id)
        if stream is None:
            stream = self._open(chunk_stream_id)
        # Reading on would take media for headers.
        elif kind > 1 and not stream.described:
            raise ChunkMalformed(f"a chunk stream goes on with a header of type {kind}, and none gave a length")
        if kind == 3:  # the message goes on, or another one like it begins (§5.3.1.2.4)
            if stream.extension:
                yield from self._repeated_extension(stream)
            # The first chunk of a message of its own: the last delta counts once more.
            if not stream.passed:
                stream.timestamp = (stream.timestamp + stream.delta) & UINT32
                self._check(stream)
            return stream
        # §5.3.1: the chunks of two messages are never mixed within one chunk stream.
        if stream.passed:
            raise ChunkMalformed("a new message begins inside another one of the same chunk stream")
        size = HEADER_SIZES[kind]
        header = buffer.read(size) if len(buffer) >= size else (yield from buffer.exactly(size))
        stamp = int.from_bytes(header[:3], "big")
        stream.extension = b""
        # §5.3.1.3: the field is full, and the time stands behind the header.
        if stamp == EXTENDED:
            stream.extension = yield from buffer.exactly(4)
            stamp = int.from_bytes(stream.extension, "big")
        # After kind 0, too: a following kind 3 repeats the timestamp as its delta (§5.3.1.2.4), and ffmpeg sends it so.
        stream.delta = stamp
        # Type 0 has the time itself, types 1 and 2 the time since the message before (§5.3.1.2.1, §5.3.1.2.2).
        stream.timestamp = stamp if kind == 0 else (stream.timestamp + stamp) & UINT32
        if kind < 2:
            self._describe(stream, header)
        self._check(stream)
        return stream

    def _long_id(self, size: int) -> Generator[None, None, int]:
        """Chunk stream ids from 64 on take one or two bytes more (§5.3.1.1)."""
        # The second byte is the lower one: id = third byte * 256 + second byte + 64.
        tail = yield from self._buffer.exactly(size + 1)
        return 64 + int.from_bytes(tail, "little")

    def _open(self, chunk_stream_id: int) -> _ChunkStream:
        """Begin a chunk stream with a header of any type.

        The specification requires type 0, and some senders begin with another one. As in nginx-rtmp, what the header leaves out is
        then 0: the message stream id and the time before the delta, and for types 2 and 3 the length and type, too. A second
        header without a length ends the connection: the chunks are out of step.
        """
        if len(self._streams) >= self.limits.chunk_streams:
            raise LimitExceeded("chunk streams", self.limits.chunk_streams)
        stream = self._streams[chunk_stream_id] = _ChunkStream()
        return stream

    def _describe(self, stream: _ChunkStream, header: bytes) -> None:
        """Length, type and stream id of the coming message (§5.3.1.2.1, §5.3.1.2.2)."""
        stream.length = int.from_bytes(header[3:6], "big")
        stream.type_id = header[6]
        stream.described = True
        # Type 1 has no message stream id: it is that of the chunk stream's last message (§5.3.1.2.2).
        if len(header) == 11:
            stream.stream_id = int.from_bytes(header[7:], "little")

    def _check(self, stream: _ChunkStream) -> None:
        """Decide at its header whether the coming message is skipped or too large."""
        kind, limits = stream.type_id, self.limits
        # Shared objects (§7.1.3) and types that are not assigned: their content is nothing to us.
        stream.skipping = kind not in READ_TYPES
        if kind in MEDIA_TYPES:
            if stream.length > limits.media_size:
                raise LimitExceeded("audio or video message size", limits.media_size)
        elif stream.length > limits.message_size:
            needed = kind in CONTROL_TYPES or (kind in COMMAND_TYPES and not self.skips_commands)
            if needed:
                raise LimitExceeded("message size", limits.message_size)
            stream.skipping = True

    def _repeated_extension(self, stream: _ChunkStream) -> Generator[None, None, None]:
        """Skip a repeated extended timestamp. §5.3.1.3 requires it after a header of type 3, and some encoders leave it out.

        It counts as one only if it is the same. Fewer than 4 bytes of payload cannot be compared without waiting for
        bytes that may not come.
        """
        size = min(self._chunk_size, stream.length - stream.passed)
        if size < 4 or (yield from self._buffer.peek(4)) == stream.extension:
            yield from self._buffer.exactly(4)

    def _payload(self, stream: _ChunkStream) -> Generator[None, None, bytes | None]:
        """Read one chunk's payload; return the message's if that was its last chunk and the message is not skipped, else None."""
        buffer = self._buffer
        size = missing = min(self._chunk_size, stream.length - stream.passed)
        if stream.skipping:
            while missing := missing - buffer.drop(missing):
                yield
        elif missing == stream.length and missing <= len(buffer):
            return buffer.read(missing)
        else:
            # Before a byte is held: 64 chunk streams with an unfinished frame each are 512 MiB.
            if self._held + missing > self.limits.buffered:
                raise LimitExceeded("bytes of unfinished messages", self.limits.buffered)
            self._held += missing
            while missing := missing - buffer.move(stream.partial, missing):
                yield
        stream.passed += size
        if stream.passed < stream.length:
            return None
        stream.passed = 0
        if stream.skipping:
            self.skipped[stream.type_id] += 1
            return None
        self._held -= stream.length
        # A new one, not cleared: a large frame's memory must not stay with an idle chunk stream.
        payload, stream.partial = bytes(stream.partial), bytearray()
        return payload

    def _set_chunk_size(self, message: RtmpMessage) -> None:
        size = uint32_of(message)
        if not 1 <= size <= MAX_CHUNK_SIZE:
            raise ChunkMalformed(f"chunk size {size}")
        self._chunk_size = size

    def _abort(self, message: RtmpMessage) -> None:
        # An abort of a stream that has nothing unfinished is allowed, and does nothing (§5.4.2).
        stream = self._streams.get(uint32_of(message))
        if stream is not None and stream.passed:
            self._held -= len(stream.partial)
            stream.passed, stream.partial = 0, bytearray()
