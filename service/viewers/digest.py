"""How a visitor id is kept: as a keyed digest, so that nobody who reads the store can tell who watched."""

from __future__ import annotations

import hashlib

DIGEST_SIZE = 16
"""Bytes kept of each visitor id: 128 bits, so that two visitors never share one."""


def visitor_digest(visitor_id: str, key: bytes) -> bytes:
    """The DIGEST_SIZE bytes a visitor is counted under; the same for the same id and key everywhere.

    `key`: at most 64 bytes, BLAKE2b takes no longer one.
    """
    # An id may have come from a header with bytes that are no UTF-8, which arrive as lone surrogates.
    return hashlib.blake2b(visitor_id.encode("utf-8", "surrogatepass"), digest_size=DIGEST_SIZE, key=key).digest()
