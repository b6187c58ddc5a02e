"""Parts: one `moof` and its `mdat` (ISO/IEC 14496-12 8.8; CMAF 7.3.2.3 and 7.5).

Every offset is counted from the `moof` (default-base-is-moof), so parts can be put behind one another as they are. Each part
is written with three struct calls and one join: this is what the packager spends its time on.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from struct import Struct

from providers.local.mp4.writer import AUDIO_TRACK_ID, SYNC_SAMPLE, VIDEO_TRACK_ID

VIDEO_FIELDS = 4
"""Numbers of a video sample in `trun`: duration, size, flags, composition offset."""

_DEFAULT_BASE_IS_MOOF = 0x020000
_DEFAULT_DURATION = 0x08
_DEFAULT_FLAGS = 0x20
_TFHD_AUDIO = _DEFAULT_BASE_IS_MOOF | _DEFAULT_DURATION | _DEFAULT_FLAGS

_DATA_OFFSET = 0x001
_DURATION, _SIZE, _FLAGS, _COMPOSITION = 0x100, 0x200, 0x400, 0x800
_TRUN_VIDEO = 1 << 24 | _DATA_OFFSET | _DURATION | _SIZE | _FLAGS | _COMPOSITION
_TRUN_AUDIO = 1 << 24 | _DATA_OFFSET | _SIZE

_MDAT = Struct(">I4s")
_SEQUENCE_MASK = 0xFFFFFFFF


@lru_cache(maxsize=512)
def _layout(tfhd_words: int, trun_words: int) -> tuple[Struct, int, int, int, int]:
    """The whole moof as one Struct, and the sizes of moof, traf, tfhd and trun."""
    tfhd, trun = 8 + 4 * tfhd_words, 20 + 4 * trun_words
    traf = 8 + tfhd + 20 + trun
    moof = 8 + 16 + traf
    # moof, mfhd, traf, tfhd, tfdt (version 1: 64 bits), trun
    layout = Struct(f">I4s I4sII I4s I4s{tfhd_words}I I4sIQ I4sIII{trun_words}I")
    return layout, moof, traf, tfhd, trun


def video_fragment(
    number: int, decode_time: int, fields: Sequence[int], payloads: Sequence[memoryview | bytes]
) -> bytes:
    """A part of video samples; `fields` holds VIDEO_FIELDS numbers a sample, all unsigned 32 bits, times in ticks."""
    count = len(payloads)
    layout, moof, traf, tfhd, trun = _layout(2, count * VIDEO_FIELDS)
    head = layout.pack(
        moof, b"moof", 16, b"mfhd", 0, number & _SEQUENCE_MASK,
        traf, b"traf",
        tfhd, b"tfhd", _DEFAULT_BASE_IS_MOOF, VIDEO_TRACK_ID,
        20, b"tfdt", 1 << 24, decode_time,
        trun, b"trun", _TRUN_VIDEO, count, moof + _MDAT.size,
        *fields,
    )  # fmt: skip
    return b"".join((head, _MDAT.pack(_MDAT.size + sum(fields[1::VIDEO_FIELDS]), b"mdat"), *payloads))


def audio_fragment(
    number: int, decode_time: int, frame_samples: int, sizes: Sequence[int], payloads: Sequence[memoryview | bytes]
) -> bytes:
    """A part of audio samples of `frame_samples` ticks each."""
    layout, moof, traf, tfhd, trun = _layout(4, len(sizes))
    head = layout.pack(
        moof, b"moof", 16, b"mfhd", 0, number & _SEQUENCE_MASK,
        traf, b"traf",
        tfhd, b"tfhd", _TFHD_AUDIO, AUDIO_TRACK_ID, frame_samples, SYNC_SAMPLE,
        20, b"tfdt", 1 << 24, decode_time,
        trun, b"trun", _TRUN_AUDIO, len(sizes), moof + _MDAT.size,
        *sizes,
    )  # fmt: skip
    return b"".join((head, _MDAT.pack(_MDAT.size + sum(sizes), b"mdat"), *payloads))
