"""Names, sizes and flags of the boxes that are written and read here (ISO/IEC 14496-12; section numbers are its)."""

from __future__ import annotations

from struct import Struct, pack

HEADER = Struct(">I4s")
"""A box header: size and type (4.2). The 64-bit size is never used."""

MOOV, MVEX, TREX = b"moov", b"mvex", b"trex"
MOOF, MFHD, TRAF, TFHD, TFDT, TRUN = b"moof", b"mfhd", b"traf", b"tfhd", b"tfdt", b"trun"
MDAT, FREE = b"mdat", b"free"

# tf_flags of `tfhd` (8.8.7.1)
TFHD_BASE_DATA_OFFSET = 0x01
TFHD_DESCRIPTION_INDEX = 0x02
TFHD_DURATION = 0x08
TFHD_SIZE = 0x10
TFHD_FLAGS = 0x20
TFHD_BASE_IS_MOOF = 0x020000

# tr_flags of `trun` (8.8.8.1); those from 0x100 on are the fields of each sample
TRUN_DATA_OFFSET = 0x001
TRUN_FIRST_FLAGS = 0x004
TRUN_DURATION = 0x100
TRUN_SIZE = 0x200
TRUN_FLAGS = 0x400
TRUN_COMPOSITION = 0x800

SYNC_SAMPLE = 0x02000000
"""Sample flags of a keyframe: sample_depends_on 2, depends on no other sample (8.8.3.1)."""

OTHER_SAMPLE = 0x01010000
"""Sample flags of any other frame: sample_depends_on 1, sample_is_non_sync_sample."""

NON_SYNC = 0x00010000
"""sample_is_non_sync_sample."""


def box(kind: bytes, *content: bytes) -> bytes:
    """Return a box: 32-bit size, type, content (4.2)."""
    body = b"".join(content)
    return HEADER.pack(HEADER.size + len(body), kind) + body


def full_box(kind: bytes, version: int, flags: int, *content: bytes) -> bytes:
    """Return a box with version and flags (4.2)."""
    return box(kind, pack(">I", version << 24 | flags), *content)
