"""Reads the fragments that this package wrote: after a crash, or to find a part in a segment file.

Only these boxes of a `moof` are read (ISO/IEC 14496-12 8.8.4): `tfdt`, `tfhd`, `trun`; for defaults, `trex` in the init segment.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from os import SEEK_END
from typing import BinaryIO

from providers.local.mp4.boxes import (
    HEADER,
    MDAT,
    MOOF,
    MOOV,
    MVEX,
    NON_SYNC,
    TFDT,
    TFHD,
    TFHD_BASE_DATA_OFFSET,
    TFHD_DESCRIPTION_INDEX,
    TFHD_DURATION,
    TFHD_FLAGS,
    TFHD_SIZE,
    TRAF,
    TREX,
    TRUN,
    TRUN_DATA_OFFSET,
    TRUN_DURATION,
    TRUN_FIRST_FLAGS,
    TRUN_FLAGS,
    TRUN_SIZE,
)


@dataclass(frozen=True, slots=True)
class Defaults:
    """Sample defaults of a track (`trex`, 8.8.3)."""

    duration: int = 0
    flags: int = 0


@dataclass(frozen=True, slots=True)
class Fragment:
    """A complete `moof` and `mdat`; `size` in bytes, times in ticks."""

    size: int
    decode_time: int
    duration: int
    independent: bool


def read_defaults(init: bytes) -> Defaults:
    """Return the sample defaults in an init segment; zeros if it has none."""
    for moov in _children(init, MOOV):
        for mvex in _children(moov, MVEX):
            for trex in _children(mvex, TREX):
                # Version and flags, track, description index, then the three defaults (8.8.3.2).
                if len(trex) >= 24:
                    duration, _, flags = struct.unpack_from(">III", trex, 12)
                    return Defaults(duration, flags)
    return Defaults()


def whole_fragments(data: bytes, defaults: Defaults) -> list[Fragment]:
    """Return the complete fragments at the start of `data`. Data after the last one is ignored. Never raises."""
    found: list[Fragment] = []
    at = 0
    while True:
        moof = _box(data, at)
        if moof is None or moof[0] != MOOF:
            return found
        # CMAF has exactly one `mdat` behind each `moof` (23000-19, 7.3.2.3).
        mdat = _box(data, at + moof[1])
        if mdat is None or mdat[0] != MDAT:
            return found
        try:
            fragment = _fragment(data[at + HEADER.size : at + moof[1]], moof[1] + mdat[1], defaults)
        except struct.error:
            return found
        found.append(fragment)
        at += fragment.size


def fragment_span(file: BinaryIO, index: int) -> tuple[int, int] | None:
    """Return start and end of the fragment with this index in a segment file; None if there are fewer. Read headers only."""
    begin, size = 0, file.seek(0, SEEK_END)
    for _ in range(index + 1):
        start, end = begin, begin
        for wanted in (MOOF, MDAT):
            file.seek(end)
            header = file.read(HEADER.size)
            if len(header) < HEADER.size:
                return None
            length, kind = HEADER.unpack(header)
            end += length
            # Sizes 0 (to the end of the file) and 1 (64 bits follow) are below the header's: neither is written here (4.2).
            if kind != wanted or length < HEADER.size or end > size:
                return None
        begin = end
    return start, begin


def _box(data: bytes, at: int) -> tuple[bytes, int] | None:
    """Return type and size of the box at `at`, or None if it is incomplete."""
    if at + HEADER.size > len(data):
        return None
    size, kind = HEADER.unpack_from(data, at)
    return (kind, size) if size >= HEADER.size and at + size <= len(data) else None


def _children(data: bytes, wanted: bytes) -> Iterator[bytes]:
    at = 0
    while (box := _box(data, at)) is not None:
        if box[0] == wanted:
            yield data[at + HEADER.size : at + box[1]]
        at += box[1]


def _fragment(moof: bytes, size: int, defaults: Defaults) -> Fragment:
    decode_time, duration, first_flags = 0, 0, None
    for traf in _children(moof, TRAF):
        own = defaults
        for tfhd in _children(traf, TFHD):
            own = _tfhd(tfhd, defaults)
        for tfdt in _children(traf, TFDT):
            # Version 1 has 64 bits (8.8.12.2).
            (decode_time,) = struct.unpack_from(">Q" if tfdt[:1] == b"\x01" else ">I", tfdt, 4)
        for trun in _children(traf, TRUN):
            added, flags = _trun(trun, own)
            duration += added
            first_flags = flags if first_flags is None else first_flags
    # Decoding may begin at a part whose first sample is a sync sample.
    return Fragment(size, decode_time, duration, not (first_flags or 0) & NON_SYNC)


def _tfhd(box: bytes, defaults: Defaults) -> Defaults:
    """Read the defaults of one fragment (8.8.7): optional fields follow in the order of their bits."""
    (present,) = struct.unpack_from(">I", box, 0)
    at = 8 + (8 if present & TFHD_BASE_DATA_OFFSET else 0) + (4 if present & TFHD_DESCRIPTION_INDEX else 0)
    duration, flags = defaults.duration, defaults.flags
    if present & TFHD_DURATION:
        (duration,) = struct.unpack_from(">I", box, at)
        at += 4
    at += 4 if present & TFHD_SIZE else 0
    if present & TFHD_FLAGS:
        (flags,) = struct.unpack_from(">I", box, at)
    return Defaults(duration, flags)


def _trun(box: bytes, defaults: Defaults) -> tuple[int, int]:
    """Return the duration of a run (8.8.8) and the flags of its first sample."""
    present, count = struct.unpack_from(">II", box, 0)
    # The highest byte is the version (4.2).
    present &= 0xFFFFFF
    at = 8 + (4 if present & TRUN_DATA_OFFSET else 0)
    first = None
    # They stand for the first sample only, and exclude flags for each sample (8.8.8.1).
    if present & TRUN_FIRST_FLAGS:
        (first,) = struct.unpack_from(">I", box, at)
        at += 4
    stride = 4 * (present >> 8 & 0xF).bit_count()  # each of the four sample fields is optional
    if count * stride > len(box) - at:
        raise struct.error("trun is cut short")
    if first is None and present & TRUN_FLAGS and count:
        skipped = (4 if present & TRUN_DURATION else 0) + (4 if present & TRUN_SIZE else 0)
        (first,) = struct.unpack_from(">I", box, at + skipped)
    if present & TRUN_DURATION:
        duration = sum(struct.unpack_from(">I", box, at + stride * each)[0] for each in range(count))
    else:
        duration = defaults.duration * count
    return duration, defaults.flags if first is None else first
