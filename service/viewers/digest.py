"""Keyed digests of visitor ids, so that reading Redis or the store does not reveal who watched."""

from __future__ import annotations

import hashlib

DIGEST_SIZE = 16
"""Bytes kept of each visitor id: 128 bits, so that two visitors never share one."""


class VisitorDigests:
    """Returns the DIGEST_SIZE bytes that a visitor is counted under, the same in every process with that key."""

    def __init__(self, key: bytes) -> None:
        """Take a key of at most 64 bytes, the limit of BLAKE2b (RFC 7693 §2.1)."""
        self._keyed = hashlib.blake2b(digest_size=DIGEST_SIZE, key=key)

    def of(self, visitor_id: str) -> bytes:
        digest = self._keyed.copy()  # half the cost of setting the key again
        # An id may come from a header with bytes that are not UTF-8. aiohttp decodes these to lone surrogates.
        digest.update(visitor_id.encode("utf-8", "surrogatepass"))
        return digest.digest()
