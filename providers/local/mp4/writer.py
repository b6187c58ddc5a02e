"""Init segments: `ftyp` and `moov` of a CMAF track (ISO/IEC 14496-12 and -15, 14496-14, 23000-19).

There is no edit list and `tfdt` is the decode time: a B-frame stream's first picture is shown one or two frames after the
generation's zero, at the very time FLV gives it, so sound and picture stay together in every player. The alternatives were
tried or read up: with negative composition offsets ffmpeg 5.1 moves the whole picture by the most negative one (33 ms in
`tests/e2e/test_packager_frames.py`), and players that take a segment's start from `tfdt` do not look at edit lists.
"""

from __future__ import annotations

from struct import pack

from providers.local.codecs.aac import AacConfig
from providers.local.codecs.avc import AvcConfig

VIDEO_TRACK_ID = 1
AUDIO_TRACK_ID = 2

SYNC_SAMPLE = 0x02000000
"""sample_depends_on 2: needs no other (8.8.3.1)."""

OTHER_SAMPLE = 0x01010000
"""sample_depends_on 1, sample_is_non_sync_sample."""

_BRANDS = b"iso6" + pack(">I", 0) + b"iso6cmfc"
_MATRIX = pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_UNDETERMINED = 0x55C4
"""The language code `und`."""

_DPI_72 = 0x480000
_DEPTH = 0x18


def box(kind: bytes, *content: bytes) -> bytes:
    """A box: 32-bit size, type, content (4.2)."""
    body = b"".join(content)
    return pack(">I", 8 + len(body)) + kind + body


def full_box(kind: bytes, version: int, flags: int, *content: bytes) -> bytes:
    """A box with version and flags (4.2)."""
    return box(kind, pack(">I", version << 24 | flags), *content)


def video_init(config: AvcConfig, timescale: int) -> bytes:
    """The init segment of an `avc1` track; `timescale` in ticks a second."""
    entry = box(
        b"avc1",
        bytes(6),
        pack(">H16xHHIIIH32xHh", 1, config.width, config.height, _DPI_72, _DPI_72, 0, 1, _DEPTH, -1),
        box(b"avcC", config.record),
    )
    header = full_box(b"vmhd", 0, 1, bytes(8))
    return _init(VIDEO_TRACK_ID, timescale, b"vide", header, entry, config.width, config.height)


def audio_init(config: AacConfig) -> bytes:
    """The init segment of an `mp4a` track; its timescale is the sample rate."""
    # 16.16 cannot say 88.2 or 96 kHz; decoders read the rate from the AudioSpecificConfig anyway.
    rate = config.sample_rate if config.sample_rate <= 0xFFFF else 0
    entry = box(b"mp4a", bytes(6), pack(">H8xHH4xI", 1, config.channels, 16, rate << 16), _esds(config.config))
    header = full_box(b"smhd", 0, 0, bytes(4))
    return _init(AUDIO_TRACK_ID, config.sample_rate, b"soun", header, entry, 0, 0)


def _init(track_id: int, timescale: int, handler: bytes, header: bytes, entry: bytes, width: int, height: int) -> bytes:
    volume = 0x0100 if handler == b"soun" else 0
    empty_table = bytes(4)
    track = box(
        b"trak",
        full_box(b"tkhd", 0, 7, pack(">8xI20xH2x", track_id, volume), _MATRIX, pack(">II", width << 16, height << 16)),
        box(
            b"mdia",
            full_box(b"mdhd", 0, 0, pack(">8xIIHH", timescale, 0, _UNDETERMINED, 0)),
            full_box(b"hdlr", 0, 0, bytes(4), handler, bytes(13)),
            box(
                b"minf",
                header,
                box(b"dinf", full_box(b"dref", 0, 0, pack(">I", 1), full_box(b"url ", 0, 1))),
                box(
                    b"stbl",
                    full_box(b"stsd", 0, 0, pack(">I", 1), entry),
                    full_box(b"stts", 0, 0, empty_table),
                    full_box(b"stsc", 0, 0, empty_table),
                    full_box(b"stsz", 0, 0, bytes(8)),
                    full_box(b"stco", 0, 0, empty_table),
                ),
            ),
        ),
    )
    movie_header = full_box(
        b"mvhd", 0, 0, pack(">8xIIIH10x", timescale, 0, 0x10000, 0x0100), _MATRIX, bytes(24), pack(">I", 0xFFFFFFFF)
    )
    extends = box(b"mvex", full_box(b"trex", 0, 0, pack(">5I", track_id, 1, 0, 0, 0)))
    return box(b"ftyp", _BRANDS) + box(b"moov", movie_header, track, extends)


def _esds(config: bytes) -> bytes:
    """14496-1 7.2.6: ES, decoder configuration (MPEG-4 audio, audio stream), the AudioSpecificConfig, SL (MP4)."""
    specific = _descriptor(5, config)
    decoder = _descriptor(4, pack(">BB3xII", 0x40, 0x15, 0, 0), specific)
    return full_box(b"esds", 0, 0, _descriptor(3, pack(">HB", 0, 0), decoder, _descriptor(6, b"\x02")))


def _descriptor(tag: int, *content: bytes) -> bytes:
    body = b"".join(content)
    size = len(body)
    return bytes((tag, 0x80 | size >> 21 & 0x7F, 0x80 | size >> 14 & 0x7F, 0x80 | size >> 7 & 0x7F, size & 0x7F)) + body
