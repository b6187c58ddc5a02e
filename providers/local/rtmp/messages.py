"""RTMP messages (specification 1.0, §5.4, §7): what is in them, parse and serialize side by side.

Audio and video stay as they are: a `chunks.RtmpMessage` whose payload is an FLV tag body. All others have a class here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import ClassVar, Protocol, Self

from providers.local.rtmp import amf0
from providers.local.rtmp.chunks import (
    ABORT,
    AGGREGATE,
    AUDIO,
    COMMAND,
    COMMAND_AMF3,
    DATA,
    DATA_AMF3,
    SET_CHUNK_SIZE,
    UINT32,
    VIDEO,
    RtmpMessage,
)
from providers.local.rtmp.errors import LimitExceeded, MessageMalformed


class MessageType(IntEnum):
    """RtmpMessage type ids (§5.4, §7.1). 15 and 17 are the AMF3 twins of 18 and 20."""

    SET_CHUNK_SIZE = SET_CHUNK_SIZE
    ABORT = ABORT
    ACKNOWLEDGEMENT = 3
    USER_CONTROL = 4
    WINDOW_ACK_SIZE = 5
    SET_PEER_BANDWIDTH = 6
    AUDIO = AUDIO
    VIDEO = VIDEO
    DATA_AMF3 = DATA_AMF3
    COMMAND_AMF3 = COMMAND_AMF3
    DATA = DATA
    COMMAND = COMMAND
    AGGREGATE = AGGREGATE


class Body(Protocol):
    """What a message carries."""

    type_id: ClassVar[MessageType]

    @classmethod
    def parse(cls, payload: bytes) -> Self:
        """Errors: MessageMalformed, AmfMalformed, LimitExceeded."""

    def serialize(self) -> bytes:
        """Return the payload."""


@dataclass(frozen=True, slots=True)
class _Number:
    """A message that is one unsigned 32-bit number."""

    value: int

    @classmethod
    def parse(cls, payload: bytes) -> Self:
        return cls(int.from_bytes(_sized(payload, 4), "big"))

    def serialize(self) -> bytes:
        return self.value.to_bytes(4, "big")


class SetChunkSize(_Number):
    """From the next message on the sender's chunks hold up to `value` bytes (§5.4.1)."""

    type_id: ClassVar = MessageType.SET_CHUNK_SIZE


class Abort(_Number):
    """The unfinished message on chunk stream `value` will not be finished (§5.4.2)."""

    type_id: ClassVar = MessageType.ABORT


class Acknowledgement(_Number):
    """`value` bytes came in so far, modulo 2**32 (§5.4.3)."""

    type_id: ClassVar = MessageType.ACKNOWLEDGEMENT


class WindowAckSize(_Number):
    """The sender wants an acknowledgement at least every `value` bytes (§5.4.4)."""

    type_id: ClassVar = MessageType.WINDOW_ACK_SIZE


class PeerBandwidthLimit(IntEnum):
    """How binding Set Peer Bandwidth is (§5.4.5)."""

    HARD = 0
    SOFT = 1
    DYNAMIC = 2


@dataclass(frozen=True, slots=True)
class SetPeerBandwidth:
    """The peer should have at most `window` unacknowledged bytes under way (§5.4.5)."""

    type_id: ClassVar = MessageType.SET_PEER_BANDWIDTH
    window: int
    limit: PeerBandwidthLimit

    @classmethod
    def parse(cls, payload: bytes) -> Self:
        kind = _sized(payload, 5)[4]
        # Values above 2 are not assigned (§5.4.5).
        if kind > max(PeerBandwidthLimit):
            raise MessageMalformed(f"peer bandwidth limit type {kind}")
        return cls(int.from_bytes(payload[:4], "big"), PeerBandwidthLimit(kind))

    def serialize(self) -> bytes:
        return self.window.to_bytes(4, "big") + bytes([self.limit])


class UserControlEvent(IntEnum):
    """The events we know (§7.1.7)."""

    STREAM_BEGIN = 0
    SET_BUFFER_LENGTH = 3
    PING_REQUEST = 6
    PING_RESPONSE = 7


@dataclass(frozen=True, slots=True)
class UserControl:
    """An event of any number (§7.1.7) and its data."""

    type_id: ClassVar = MessageType.USER_CONTROL
    event: int
    data: bytes

    @classmethod
    def parse(cls, payload: bytes) -> Self:
        if len(payload) < 2:
            raise MessageMalformed("a user control message without an event")
        return cls(int.from_bytes(payload[:2], "big"), payload[2:])

    def serialize(self) -> bytes:
        return self.event.to_bytes(2, "big") + self.data


@dataclass(frozen=True, slots=True)
class Command:
    """A call or an answer (§7.2). `arguments` includes the command object; they may hold a stream key, so the repr does not."""

    type_id: ClassVar = MessageType.COMMAND
    name: str = field(repr=False)
    transaction: float
    arguments: list[amf0.Value] = field(default_factory=list, repr=False)

    @classmethod
    def parse(cls, payload: bytes) -> Self:
        match amf0.decode(payload):
            case [str(name), float(transaction), *arguments]:
                return cls(name, transaction, arguments)
            # A name alone is understood, as a call that waits for no answer.
            case [str(name)]:
                return cls(name, 0.0)
        raise MessageMalformed("a command without a name or a transaction id")

    def serialize(self) -> bytes:
        return amf0.encode(self.name, self.transaction, *self.arguments)

    def text(self, index: int) -> str:
        """Argument `index` if it is there and a string, else ""."""
        value = self.arguments[index] if index < len(self.arguments) else None
        return value if isinstance(value, str) else ""

    def members(self, index: int) -> dict[str, amf0.Value]:
        """Argument `index` if it is there and an object, else an empty one."""
        value = self.arguments[index] if index < len(self.arguments) else None
        return value if isinstance(value, dict) else {}


def _sized(payload: bytes, size: int) -> bytes:
    if len(payload) != size:
        raise MessageMalformed(f"{len(payload)} bytes instead of {size}")
    return payload


def command_of(message: RtmpMessage) -> Command:
    """Return the command in a message of either command type. Errors: as `Body.parse`."""
    return Command.parse(_amf0_part(message, MessageType.COMMAND_AMF3))


SET_DATA_FRAME = amf0.encode("@setDataFrame")
"""What an encoder puts before metadata so that a server keeps it; it is not part of the FLV script tag."""


AVMPLUS = 0x11
"""The AMF0 marker that switches to AMF3 (Adobe, "Action Message Format -- AMF 0", 2007, §3.1)."""


def script_of(message: RtmpMessage) -> bytes | None:
    """Return the FLV script tag body in a message of either data type, such as onMetaData, without @setDataFrame.

    None for real AMF3, which is not read.
    """
    body = _amf0_part(message, MessageType.DATA_AMF3)
    return None if body[:1] == bytes([AVMPLUS]) else body.removeprefix(SET_DATA_FRAME)


def _amf0_part(message: RtmpMessage, amf3_type: MessageType) -> bytes:
    """Return the AMF0 part: an AMF3 message holds AMF0 after a zero byte, which some encoders leave out."""
    payload = message.payload
    # Not part of the value: the byte says in which format the rest is.
    return payload[1:] if message.type_id == amf3_type and payload[:1] == b"\0" else payload


SUB_HEADER_SIZE, BACK_POINTER_SIZE = 11, 4

MAX_PARTS = 4096
"""The most messages in one aggregate message."""


def parts_of(aggregate: RtmpMessage) -> tuple[list[RtmpMessage], bool]:
    """Return the messages in an aggregate message (§7.1.6), and whether it is complete.

    Each has an FLV tag header, and a back pointer behind it, which is not compared and may be missing behind the last one. The
    first one's time stands for the aggregate's, and the others keep their distance to it. An incomplete last one is left out.
    Errors: LimitExceeded.
    """
    _, stream_id, begin, data = aggregate
    found: list[RtmpMessage] = []
    at, offset = 0, 0
    while at + SUB_HEADER_SIZE <= len(data):
        size, stamp = int.from_bytes(data[at + 1 : at + 4], "big"), int.from_bytes(data[at + 4 : at + 7], "big")
        stamp |= data[at + 7] << 24  # TimestampExtended, the upper 8 bits (FLV specification 10.1, E.4.1)
        body = at + SUB_HEADER_SIZE
        # The rest of a cut part is not media: it is left out, and the caller counts it.
        if body + size > len(data):
            return found, False
        if len(found) >= MAX_PARTS:
            raise LimitExceeded("messages in an aggregate message", MAX_PARTS)
        if not found:
            # §7.1.6: the difference to the first part's time is added to the times of all others.
            offset = begin - stamp
        found.append(RtmpMessage(data[at], stream_id, (stamp + offset) & UINT32, data[body : body + size]))
        # The back pointer is the size of the part with its header (§7.1.6). FLV has it for reading backwards.
        at = body + size + BACK_POINTER_SIZE
    return found, at >= len(data)
