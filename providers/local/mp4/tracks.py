"""The kinds of the tracks of a broadcast. Each track has its own init segments and segments."""

from __future__ import annotations

from enum import StrEnum


class TrackKind(StrEnum):
    """The kind of a CMAF track. The value is part of URLs and file names."""

    VIDEO = "video"
    AUDIO = "audio"
