"""Writes init segments: `ftyp` and `moov` of a CMAF track (ISO/IEC 14496-12, -14 and -15, 23000-19).

There is no edit list, and `tfdt` is the decode time. With B-frames the first frame is therefore presented one or two frames
after the start of the discontinuity, at the time that FLV gives it, and audio and video stay in sync in every player.

Alternatives: with negative composition offsets, ffmpeg 5.1 shifts all video by the most negative offset (33 ms in
`tests/e2e/test_packager_frames.py`). Players that take a segment's start from `tfdt` ignore edit lists.
"""

from __future__ import annotations

from struct import pack

from providers.local.codecs.aac import AacConfig
from providers.local.codecs.avc import AvcConfig
from providers.local.mp4.boxes import MOOV, MVEX, TREX, box, full_box

VIDEO_TRACK_ID = 1
AUDIO_TRACK_ID = 2

# Major brand, minor version, compatible brands (14496-12 4.3); `cmfc` is CMAF's (23000-19 7.2).
_BRANDS = b"iso6" + pack(">I", 0) + b"iso6cmfc"
# The unity matrix: numbers of 16.16 bits, in the last column of 2.30 (14496-12 8.2.2).
_MATRIX = pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_UNDETERMINED = 0x55C4
"""The language code `und`."""

_DPI_72 = 0x480000
_DEPTH = 0x18


def video_init(config: AvcConfig, timescale: int) -> bytes:
    """Return the init segment of an `avc1` track; `timescale` in ticks per second."""
    entry = box(
        b"avc1",
        bytes(6),
        # data_reference_index, size, resolution, frame_count, compressorname, depth, pre_defined (12.1.3.2).
        pack(">H16xHHIIIH32xHh", 1, config.width, config.height, _DPI_72, _DPI_72, 0, 1, _DEPTH, -1),
        box(b"avcC", config.record),
    )
    header = full_box(b"vmhd", 0, 1, bytes(8))
    return _init(VIDEO_TRACK_ID, timescale, b"vide", header, entry, config.width, config.height)


def audio_init(config: AacConfig) -> bytes:
    """Return the init segment of an `mp4a` track; its timescale is the sample rate."""
    # The 16.16 field cannot hold 88.2 or 96 kHz (14496-12 12.2.3); decoders read the rate from the AudioSpecificConfig.
    rate = config.sample_rate if config.sample_rate <= 0xFFFF else 0
    entry = box(b"mp4a", bytes(6), pack(">H8xHH4xI", 1, config.channels, 16, rate << 16), _esds(config.config))
    header = full_box(b"smhd", 0, 0, bytes(4))
    return _init(AUDIO_TRACK_ID, config.sample_rate, b"soun", header, entry, 0, 0)


def _init(track_id: int, timescale: int, handler: bytes, header: bytes, entry: bytes, width: int, height: int) -> bytes:
    # All sample tables are empty: samples are in the fragments (14496-12 8.8.1).
    volume = 0x0100 if handler == b"soun" else 0
    empty_table = bytes(4)
    track = box(
        b"trak",
        # Flags: enabled, in movie, in preview (8.3.2). Duration 0: the fragments have it.
        full_box(b"tkhd", 0, 7, pack(">8xI20xH2x", track_id, volume), _MATRIX, pack(">II", width << 16, height << 16)),
        box(
            b"mdia",
            full_box(b"mdhd", 0, 0, pack(">8xIIHH", timescale, 0, _UNDETERMINED, 0)),
            full_box(b"hdlr", 0, 0, bytes(4), handler, bytes(13)),
            box(
                b"minf",
                header,
                # Flag 1: the media is in the same file (8.7.2).
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
    # Required of every track with fragments, even where each `tfhd` has its own values (8.8.3.1).
    extends = box(MVEX, full_box(TREX, 0, 0, pack(">5I", track_id, 1, 0, 0, 0)))
    return box(b"ftyp", _BRANDS) + box(MOOV, movie_header, track, extends)


def _esds(config: bytes) -> bytes:
    """Return `esds` (14496-1 7.2.6): ES, decoder configuration (MPEG-4 audio), AudioSpecificConfig, SL configuration."""
    specific = _descriptor(5, config)
    # objectTypeIndication 0x40: MPEG-4 audio; 0x15: audio stream, with the reserved bit set. Rates 0: unknown.
    decoder = _descriptor(4, pack(">BB3xII", 0x40, 0x15, 0, 0), specific)
    # The SL configuration's predefined value 2 is reserved for MP4 files (14496-1).
    return full_box(b"esds", 0, 0, _descriptor(3, pack(">HB", 0, 0), decoder, _descriptor(6, b"\x02")))


def _descriptor(tag: int, *content: bytes) -> bytes:
    """Return a descriptor (14496-1 8.3.3); its size always takes four bytes of 7 bits."""
    body = b"".join(content)
    size = len(body)
    return bytes((tag, 0x80 | size >> 21 & 0x7F, 0x80 | size >> 14 & 0x7F, 0x80 | size >> 7 & 0x7F, size & 0x7F)) + body
