"""Reading back our own fragments: how much of a segment file is whole after a crash, what is in it, and where a part lies.

Only what ISO/IEC 14496-12 says of `moof` (§8.8.4) is read: `tfdt`, `tfhd`, `trun` and, for defaults, the init segment's `trex`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from os import SEEK_END
from typing import BinaryIO

NON_SYNC = 0x10000
"""sample_is_non_sync_sample in the sample flags (§8.8.3.1)."""

_HEADER = 8


@dataclass(frozen=True, slots=True)
class Defaults:
    """The sample defaults of a track (`trex`, §8.8.3)."""

    duration: int = 0
    flags: int = 0


@dataclass(frozen=True, slots=True)
class Fragment:
    """One whole `moof`+`mdat`: `size` in bytes, times in ticks."""

    size: int
    decode_time: int
    duration: int
    independent: bool


def read_defaults(init: bytes) -> Defaults:
    """The sample defaults in an init segment; zeros where it has none."""
    for moov in _children(init, b"moov"):
        for mvex in _children(moov, b"mvex"):
            for trex in _children(mvex, b"trex"):
                if len(trex) >= 24:
                    duration, _, flags = struct.unpack_from(">III", trex, 12)
                    return Defaults(duration, flags)
    return Defaults()


def whole_fragments(data: bytes, defaults: Defaults) -> list[Fragment]:
    """The whole fragments `data` starts with; whatever follows the last one is not counted. Never raises."""
    found: list[Fragment] = []
    at = 0
    while True:
        moof = _box(data, at)
        if moof is None or moof[0] != b"moof":
            return found
        mdat = _box(data, at + moof[1])
        if mdat is None or mdat[0] != b"mdat":
            return found
        try:
            fragment = _fragment(data[at + _HEADER : at + moof[1]], moof[1] + mdat[1], defaults)
        except struct.error:
            return found
        found.append(fragment)
        at += fragment.size


def fragment_span(file: BinaryIO, index: int) -> tuple[int, int] | None:
    """Where the `moof`+`mdat` with this index begins and ends in a segment file; None when it has fewer. Reads headers only."""
    begin, size = 0, file.seek(0, SEEK_END)
    for _ in range(index + 1):
        start, end = begin, begin
        for wanted in (b"moof", b"mdat"):
            file.seek(end)
            header = file.read(_HEADER)
            if len(header) < _HEADER:
                return None
            length, kind = struct.unpack(">I4s", header)
            end += length
            if kind != wanted or length < _HEADER or end > size:
                return None
        begin = end
    return start, begin


def _box(data: bytes, at: int) -> tuple[bytes, int] | None:
    """Type and size of the box at `at` when it is all there."""
    if at + _HEADER > len(data):
        return None
    size, kind = struct.unpack_from(">I4s", data, at)
    return (kind, size) if size >= _HEADER and at + size <= len(data) else None


def _children(data: bytes, wanted: bytes) -> Iterator[bytes]:
    at = 0
    while (box := _box(data, at)) is not None:
        if box[0] == wanted:
            yield data[at + _HEADER : at + box[1]]
        at += box[1]


def _fragment(moof: bytes, size: int, defaults: Defaults) -> Fragment:
    decode_time, duration, first_flags = 0, 0, None
    for traf in _children(moof, b"traf"):
        own = defaults
        for tfhd in _children(traf, b"tfhd"):
            own = _tfhd(tfhd, defaults)
        for tfdt in _children(traf, b"tfdt"):
            (decode_time,) = struct.unpack_from(">Q" if tfdt[:1] == b"\x01" else ">I", tfdt, 4)
        for trun in _children(traf, b"trun"):
            added, flags = _trun(trun, own)
            duration += added
            first_flags = flags if first_flags is None else first_flags
    return Fragment(size, decode_time, duration, not (first_flags or 0) & NON_SYNC)


def _tfhd(box: bytes, defaults: Defaults) -> Defaults:
    """§8.8.7: optional fields in the order of their bits."""
    (present,) = struct.unpack_from(">I", box, 0)
    at = 8 + (8 if present & 0x1 else 0) + (4 if present & 0x2 else 0)
    duration, flags = defaults.duration, defaults.flags
    if present & 0x8:
        (duration,) = struct.unpack_from(">I", box, at)
        at += 4
    at += 4 if present & 0x10 else 0
    if present & 0x20:
        (flags,) = struct.unpack_from(">I", box, at)
    return Defaults(duration, flags)


def _trun(box: bytes, defaults: Defaults) -> tuple[int, int]:
    """§8.8.8: the run's duration and the flags of its first sample."""
    present, count = struct.unpack_from(">II", box, 0)
    present &= 0xFFFFFF
    at = 8 + (4 if present & 0x1 else 0)
    first = None
    if present & 0x4:
        (first,) = struct.unpack_from(">I", box, at)
        at += 4
    stride = 4 * (present >> 8 & 0xF).bit_count()
    if count * stride > len(box) - at:
        raise struct.error("trun is cut short")
    if first is None and present & 0x400 and count:
        (first,) = struct.unpack_from(">I", box, at + (4 if present & 0x100 else 0) + (4 if present & 0x200 else 0))
    if present & 0x100:
        duration = sum(struct.unpack_from(">I", box, at + stride * each)[0] for each in range(count))
    else:
        duration = defaults.duration * count
    return duration, defaults.flags if first is None else first
