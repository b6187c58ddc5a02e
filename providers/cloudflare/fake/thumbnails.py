"""A valid JPEG of any size, without an image library: one grey (ITU-T T.81, baseline, one component).

Every 8×8 block is "no difference from the last, nothing else", two bits with the tables below; so the image data is zeros.
"""

from __future__ import annotations

import struct

MAX_SIDE = 2000
"""Pixels."""

_ONE_CODE = bytes([1] + [0] * 15 + [0])
"""A Huffman table with the single one-bit code 0 for the symbol 0 (T.81 §B.2.4.2)."""


def jpeg(width: int, height: int) -> bytes:
    """Return a grey image; its sides are limited to 1..MAX_SIDE."""
    width, height = (max(1, min(side, MAX_SIDE)) for side in (width, height))
    blocks = -(-width // 8) * -(-height // 8)
    padding = -2 * blocks % 8
    scan = bytearray(-(-2 * blocks // 8))
    scan[-1] |= (1 << padding) - 1
    return b"".join(
        (
            b"\xff\xd8",
            _segment(0xE0, b"JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"),
            _segment(0xDB, b"\x00" + b"\x01" * 64),
            _segment(0xC0, struct.pack(">BHHBBBB", 8, height, width, 1, 1, 0x11, 0)),
            _segment(0xC4, b"\x00" + _ONE_CODE),
            _segment(0xC4, b"\x10" + _ONE_CODE),
            _segment(0xDA, bytes([1, 1, 0, 0, 63, 0])),
            bytes(scan),
            b"\xff\xd9",
        )
    )


def _segment(marker: int, payload: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload
