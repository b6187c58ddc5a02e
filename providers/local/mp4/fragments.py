"""Writes parts: one `moof` and its `mdat` (ISO/IEC 14496-12 8.8; CMAF 7.3.2.3 and 7.5).

All offsets count from the `moof` (default-base-is-moof), so parts can be concatenated unchanged. A part is written with three
struct calls and one join, because the packager spends most of its time here.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from struct import Struct

from providers.local.mp4.boxes import (
    HEADER,
    MDAT,
    MFHD,
    MOOF,
    SYNC_SAMPLE,
    TFDT,
    TFHD,
    TFHD_BASE_IS_MOOF,
    TFHD_DURATION,
    TFHD_FLAGS,
    TRAF,
    TRUN,
    TRUN_COMPOSITION,
    TRUN_DATA_OFFSET,
    TRUN_DURATION,
    TRUN_FLAGS,
    TRUN_SIZE,
)
from providers.local.mp4.writer import AUDIO_TRACK_ID, VIDEO_TRACK_ID

VIDEO_FIELDS = 4
"""Fields of a video sample in `trun`: duration, size, flags, composition offset."""

_TFHD_AUDIO = TFHD_BASE_IS_MOOF | TFHD_DURATION | TFHD_FLAGS
_TRUN_VIDEO = 1 << 24 | TRUN_DATA_OFFSET | TRUN_DURATION | TRUN_SIZE | TRUN_FLAGS | TRUN_COMPOSITION
"""Version 1: composition offsets are signed (8.8.8.2)."""

_TRUN_AUDIO = 1 << 24 | TRUN_DATA_OFFSET | TRUN_SIZE
_SEQUENCE_MASK = 0xFFFFFFFF


_PARTS_OF_A_SEGMENT = 1 << 12
"""More than the parts of any segment."""


def fragment_number(segment: int, part: int) -> int:
    """Return the sequence number in `mfhd`, which must increase (8.8.5).

    It is made from the segment's number, not counted: a packager after a restart continues without knowing the last one.
    """
    return segment * _PARTS_OF_A_SEGMENT + part + 1


@lru_cache(maxsize=512)
def _layout(tfhd_words: int, trun_words: int) -> tuple[Struct, int, int, int, int]:
    """Return the whole `moof` as one Struct, and the sizes of `moof`, `traf`, `tfhd` and `trun` in bytes."""
    tfhd, trun = 8 + 4 * tfhd_words, 20 + 4 * trun_words
    traf = 8 + tfhd + 20 + trun
    moof = 8 + 16 + traf
    # moof, mfhd, traf, tfhd, tfdt (version 1: 64 bits), trun
    layout = Struct(f">I4s I4sII I4s I4s{tfhd_words}I I4sIQ I4sIII{trun_words}I")
    return layout, moof, traf, tfhd, trun


def video_fragment(
    number: int, decode_time: int, fields: Sequence[int], payloads: Sequence[memoryview | bytes]
) -> bytes:
    """Return a part of video samples; `fields` has VIDEO_FIELDS unsigned 32-bit numbers per sample, times in ticks."""
    count = len(payloads)
    layout, moof, traf, tfhd, trun = _layout(2, count * VIDEO_FIELDS)
    head = layout.pack(
        moof, MOOF, 16, MFHD, 0, number & _SEQUENCE_MASK,
        traf, TRAF,
        tfhd, TFHD, TFHD_BASE_IS_MOOF, VIDEO_TRACK_ID,
        20, TFDT, 1 << 24, decode_time,
        # data_offset from the `moof`: the first sample lies behind the header of `mdat` (8.8.8.2).
        trun, TRUN, _TRUN_VIDEO, count, moof + HEADER.size,
        *fields,
    )  # fmt: skip
    # The payloads are views of received tags: this join is the only copy of each frame.
    return b"".join((head, HEADER.pack(HEADER.size + sum(fields[1::VIDEO_FIELDS]), MDAT), *payloads))


def audio_fragment(
    number: int, decode_time: int, frame_samples: int, sizes: Sequence[int], payloads: Sequence[memoryview | bytes]
) -> bytes:
    """Return a part of audio samples of `frame_samples` ticks each."""
    layout, moof, traf, tfhd, trun = _layout(4, len(sizes))
    head = layout.pack(
        moof, MOOF, 16, MFHD, 0, number & _SEQUENCE_MASK,
        traf, TRAF,
        tfhd, TFHD, _TFHD_AUDIO, AUDIO_TRACK_ID, frame_samples, SYNC_SAMPLE,
        20, TFDT, 1 << 24, decode_time,
        trun, TRUN, _TRUN_AUDIO, len(sizes), moof + HEADER.size,
        *sizes,
    )  # fmt: skip
    return b"".join((head, HEADER.pack(HEADER.size + sum(sizes), MDAT), *payloads))
