"""The RTMP chunk stream (specification 1.0, §5.3): what its reader and its writer share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from providers.local.rtmp.errors import ChunkMalformed

# Until a Set Chunk Size message says otherwise (§5.4.1).
DEFAULT_CHUNK_SIZE = 128
EXTENDED = 0xFFFFFF
"""The timestamp field's value when the real timestamp follows in 4 bytes (§5.3.1.3)."""

SET_CHUNK_SIZE = 1
ABORT = 2
AUDIO = 8
VIDEO = 9
DATA_AMF3 = 15
COMMAND_AMF3 = 17
DATA = 18
COMMAND = 20
AGGREGATE = 22

MEDIA_TYPES = frozenset({AUDIO, VIDEO, AGGREGATE})
CONTROL_TYPES = frozenset(range(1, 7))
"""Protocol and user control messages (§5.4, §7.1.7)."""

COMMAND_TYPES = frozenset({COMMAND, COMMAND_AMF3})
READ_TYPES = MEDIA_TYPES | CONTROL_TYPES | COMMAND_TYPES | {DATA, DATA_AMF3}
"""The message types that are read. All others, such as shared objects, are skipped."""

# The highest bit of the message must be zero (§5.4.1).
MAX_CHUNK_SIZE = 0x7FFFFFFF
UINT32 = 0xFFFFFFFF


class RtmpMessage(NamedTuple):
    """A whole RTMP message. `timestamp` is absolute, in ms, an unsigned 32-bit number that may wrap."""

    type_id: int
    stream_id: int
    timestamp: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class ChunkLimits:
    """The most that one connection may make us buffer, in bytes except for `chunk_streams` and `chunks`.

    `media_size` is for one audio, video or aggregate message, `message_size` for any other, `buffered` for all unfinished ones
    together. More raises LimitExceeded with the limit's name, except that a data message above `message_size` is skipped.
    `chunks` is for one read: parsing blocks the event loop, and a read of tiny chunks takes seconds.
    """

    media_size: int = 8 * 1024 * 1024
    message_size: int = 64 * 1024
    chunk_streams: int = 64
    buffered: int = 12 * 1024 * 1024
    chunks: int = 8192


def uint32_of(message: RtmpMessage) -> int:
    """Return the number that is the message's whole payload. Raises ChunkMalformed."""
    if len(message.payload) != 4:
        raise ChunkMalformed(f"message type {message.type_id} with {len(message.payload)} bytes instead of 4")
    return int.from_bytes(message.payload, "big")
