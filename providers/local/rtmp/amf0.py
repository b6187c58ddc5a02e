"""AMF0, the encoding of RTMP commands and metadata (Adobe, "Action Message Format -- AMF 0", 2007; section numbers below).

==================  ============================================
AMF0                Python
==================  ============================================
number              float
boolean             bool
string, long string str (bad UTF-8 becomes U+FFFD)
object              dict
ECMA array          EcmaArray
strict array        list
date                Date
null                None
undefined           UNDEFINED
==================  ============================================

Decoded besides: typed object (as dict), XML document (as str), unsupported (as UNDEFINED). References, AMF3 and the rest are
errors: no encoder sends them, and references are how small messages become endless structures.
"""

from __future__ import annotations

import struct
from enum import Enum, IntEnum
from typing import NamedTuple

from providers.local.rtmp.errors import AmfLimitExceeded, AmfMalformed

MAX_DEPTH = 16
"""Objects and arrays inside one another."""

MAX_VALUES = 4096
"""Values in one message, the members of objects and arrays included."""


class Undefined(Enum):
    """The type of UNDEFINED."""

    UNDEFINED = "undefined"


UNDEFINED = Undefined.UNDEFINED


class Date(NamedTuple):
    """A date (§2.13): ms since the Unix epoch, and a time zone in minutes that is reserved and should be 0."""

    milliseconds: float
    zone: int = 0


class EcmaArray(dict[str, "Value"]):
    """An associative array (§2.10): a dict that is encoded differently."""


Value = float | bool | str | None | Undefined | Date | dict[str, "Value"] | list["Value"]


class Marker(IntEnum):
    """The byte before a value says what it is (§2.1)."""

    NUMBER = 0x00
    BOOLEAN = 0x01
    STRING = 0x02
    OBJECT = 0x03
    NULL = 0x05
    UNDEFINED = 0x06
    ECMA_ARRAY = 0x08
    OBJECT_END = 0x09
    STRICT_ARRAY = 0x0A
    DATE = 0x0B
    LONG_STRING = 0x0C
    UNSUPPORTED = 0x0D
    XML_DOCUMENT = 0x0F
    TYPED_OBJECT = 0x10


_DOUBLE = struct.Struct(">d")
_DATE_BODY = struct.Struct(">dh")


def decode(data: bytes) -> list[Value]:
    """Return all values in `data`. Errors: AmfMalformed; AmfLimitExceeded when nesting or members exceed a limit."""
    decoder = _Decoder(data)
    values = []
    while decoder.position < len(data):
        values.append(decoder.value(0))
    return values


def encode(*values: Value) -> bytes:
    """Return the values encoded one after another. An int is sent as a number."""
    return b"".join(map(_encode, values))


class _Decoder:
    def __init__(self, data: bytes) -> None:
        self.position = 0
        self._data = data
        self._values = 0

    def value(self, depth: int) -> Value:
        self._values += 1
        if self._values > MAX_VALUES:
            raise AmfLimitExceeded("AMF values", MAX_VALUES)
        if depth > MAX_DEPTH:
            raise AmfLimitExceeded("AMF depth", MAX_DEPTH)
        match marker := self._read(1)[0]:
            case Marker.NUMBER:
                # Always a big-endian double, also for integers (§2.2).
                (number,) = _DOUBLE.unpack(self._read(8))
                return float(number)
            case Marker.BOOLEAN:
                # Any byte but zero is true (§2.3).
                return self._read(1) != b"\0"
            case Marker.STRING:
                return self._string(2)
            case Marker.OBJECT:
                return self._members(depth)
            case Marker.NULL:
                return None
            case Marker.UNDEFINED | Marker.UNSUPPORTED:
                # Unsupported says that the sender could not encode the value (§2.15). It carries nothing either.
                return UNDEFINED
            case Marker.ECMA_ARRAY:
                self._read(
                    4
                )  # the number of members, a hint only: they end with an end marker like an object's (§2.10)
                return EcmaArray(self._members(depth))
            case Marker.STRICT_ARRAY:
                return self._list(depth)
            case Marker.DATE:
                # Milliseconds, then a time zone that is reserved and not to be used (§2.13).
                return Date(*_DATE_BODY.unpack(self._read(10)))
            case Marker.LONG_STRING | Marker.XML_DOCUMENT:
                # A length of 32 bits instead of 16 (§2.14, §2.17). `_read` bounds it by the message.
                return self._string(4)
            case Marker.TYPED_OBJECT:
                self._string(2)  # the class name
                return self._members(depth)
        raise AmfMalformed(f"AMF0 marker 0x{marker:02x}")

    def _read(self, size: int) -> bytes:
        end = self.position + size
        if end > len(self._data):
            raise AmfMalformed("AMF0 ends in the middle of a value")
        read = self._data[self.position : end]
        self.position = end
        return read

    def _string(self, length_size: int) -> str:
        length = int.from_bytes(self._read(length_size), "big")
        # Metadata may hold text of another encoding. A wrong letter must not end the stream.
        return self._read(length).decode(errors="replace")

    def _members(self, depth: int) -> dict[str, Value]:
        """Names and values up to an empty name and the end marker (§2.5, §2.11)."""
        members: dict[str, Value] = {}
        while True:
            name = self._string(2)
            # An empty name alone is a legal member; only with the marker behind it does the object end (§2.11).
            if not name and self._data[self.position : self.position + 1] == bytes([Marker.OBJECT_END]):
                self.position += 1
                return members
            members[name] = self.value(depth + 1)

    def _list(self, depth: int) -> list[Value]:
        count = int.from_bytes(self._read(4), "big")
        # Before the list is built: 4 bytes may announce four billion values.
        if count > MAX_VALUES:
            raise AmfLimitExceeded("AMF values", MAX_VALUES)
        return [self.value(depth + 1) for _ in range(count)]


def _encode(value: Value) -> bytes:
    match value:
        case None:
            return bytes([Marker.NULL])
        case Undefined():
            return bytes([Marker.UNDEFINED])
        # Before numbers: in Python a bool is an int, too.
        case bool():
            return bytes([Marker.BOOLEAN, value])
        case float() | int():
            return bytes([Marker.NUMBER]) + _DOUBLE.pack(value)
        case str():
            return _encode_string(value)
        case Date():
            return bytes([Marker.DATE]) + _DATE_BODY.pack(*value)
        case EcmaArray():
            return bytes([Marker.ECMA_ARRAY]) + len(value).to_bytes(4, "big") + _encode_members(value)
        case dict():
            return bytes([Marker.OBJECT]) + _encode_members(value)
        case list():
            return bytes([Marker.STRICT_ARRAY]) + len(value).to_bytes(4, "big") + encode(*value)


def _encode_string(text: str) -> bytes:
    data = text.encode(errors="replace")
    # A string has a length of 16 bits (§2.4).
    if len(data) > 0xFFFF:
        return bytes([Marker.LONG_STRING]) + len(data).to_bytes(4, "big") + data
    return bytes([Marker.STRING]) + len(data).to_bytes(2, "big") + data


def _encode_members(members: dict[str, Value]) -> bytes:
    parts = []
    for name, value in members.items():
        # Only our own constants come this way, so that no name is longer than 16 bits can say.
        data = name.encode(errors="replace")
        parts += [len(data).to_bytes(2, "big"), data, _encode(value)]
    return b"".join(parts) + bytes([0, 0, Marker.OBJECT_END])
