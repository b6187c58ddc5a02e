"""The settings that x264 writes into its first keyframe, as an SEI message (H.264 D.1.6, unregistered user data)."""

from __future__ import annotations

import re

MAX_SETTINGS = 1024
"""Bytes of the settings that are kept."""

_BEGIN = b"x264 - core"
_ULTRAFAST = re.compile(rb" cabac=0 .* subme=0 ")
"""Only x264's preset ultrafast combines these settings; superfast has subme=1."""


def find_settings(payload: bytes) -> bytes:
    """Return the settings in a frame's payload; nothing if x264 did not write any."""
    begin = payload.find(_BEGIN)
    return payload[begin : begin + MAX_SETTINGS] if begin >= 0 else b""


def is_ultrafast(settings: bytes) -> bool:
    """Return whether x264 runs with its preset ultrafast."""
    return _ULTRAFAST.search(settings) is not None
