"""The FLV tag: the unit of media that all parts of the local provider exchange.

Encoders (over RTMP) and ffmpeg produce tags; the packager and ffmpeg consume them. `payload` is laid out as in FLV
specification 10.1, E.4.2 (audio), E.4.3 (video) and E.4.4 (script), without the 11-byte tag header.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple


class TagKind(IntEnum):
    """The FLV TagType, which equals the RTMP message type id."""

    AUDIO = 8
    VIDEO = 9
    SCRIPT = 18


AUDIO, VIDEO, SCRIPT = TagKind
"""For code that runs for every tag: access through the enumeration is a function call in Python 3.11."""


class FlvTag(NamedTuple):
    """One audio, video or script message. `timestamp` is in ms as sent: an unsigned 32-bit number that may wrap."""

    kind: TagKind
    timestamp: int
    payload: bytes


def milliseconds_between(earlier: int, later: int) -> int:
    """Return `later` - `earlier` for 32-bit timestamps that may wrap; negative if `later` is before `earlier`.

    The result is the shorter way round, from -2**31 to 2**31 - 1 (RTMP 1.0, 5.3.1.1).
    """
    return (later - earlier + 0x8000_0000 & 0xFFFF_FFFF) - 0x8000_0000
