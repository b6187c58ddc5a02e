"""The currency of the local provider: the FLV tag.

Whatever makes pictures, an encoder over RTMP or an ffmpeg of ours, makes FLV tags; whatever shows them takes FLV tags.
Layout of `payload`: FLV specification 10.1, E.4.2 (audio), E.4.3 (video), E.4.4 (script), without the 11-byte tag header.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple


class TagKind(IntEnum):
    """The FLV TagType, which is also the RTMP message type id."""

    AUDIO = 8
    VIDEO = 9
    SCRIPT = 18


AUDIO, VIDEO, SCRIPT = TagKind
"""For what looks at every tag: on the enumeration each look-up is a call (Python 3.11)."""


class FlvTag(NamedTuple):
    """One audio, video or script message. `timestamp` is in ms as it was sent: an unsigned 32-bit number that may wrap."""

    kind: TagKind
    timestamp: int
    payload: bytes
