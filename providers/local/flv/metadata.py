"""Reads onMetaData, in which an encoder describes its stream (FLV specification 10.1, E.5)."""

from __future__ import annotations

from collections.abc import Mapping

from providers.local.rtmp import amf0
from providers.local.rtmp.errors import RtmpError

METADATA = b"\x02\x00\x0aonMetaData"
"""How the payload of such a script tag begins: an AMF0 string."""


def read_metadata(script: bytes) -> Mapping[str, amf0.Value] | None:
    """Return the properties in the payload of a script tag; None if there are none or they cannot be decoded."""
    if b"onMetaData" not in script:
        return None
    try:
        values = amf0.decode(script)
    except RtmpError:
        return None
    return next((each for each in values if isinstance(each, dict)), None)
