"""Keyed digests of visitor ids, so that reading Redis or the store does not reveal who watched."""

from __future__ import annotations

import hashlib

DIGEST_SIZE = 16
"""Bytes kept of each visitor id: 128 bits, so that two visitors never share one."""


def visitor_digest(visitor_id: str, key: bytes) -> bytes:
    """Return the DIGEST_SIZE bytes a visitor is counted under, the same in every process with that key.

    `key`: at most 64 bytes, the limit of BLAKE2b (RFC 7693 §2.1).
    """
    # An id may come from a header with bytes that are not UTF-8. aiohttp decodes these to lone surrogates.
    return hashlib.blake2b(visitor_id.encode("utf-8", "surrogatepass"), digest_size=DIGEST_SIZE, key=key).digest()
