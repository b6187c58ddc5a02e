"""Who is in a viewer window in Redis: read a little at a time, so that Redis serves others in between."""

from __future__ import annotations

from typing import cast

from redis import asyncio as aioredis

SCAN_AT_ONCE = 1_000
"""Members Redis looks at for one answer."""


async def members_since(client: aioredis.Redis, key: str, score: float) -> set[bytes]:
    """Members of the sorted set with at least that score. ZSCAN misses nobody who is there from beginning to end."""
    found: set[bytes] = set()
    cursor = 0
    while True:
        cursor, scanned = await client.zscan(key, cursor, count=SCAN_AT_ONCE)
        part = cast(list[tuple[bytes, float]], scanned)
        found.update(member for member, at in part if at >= score)
        if cursor == 0:
            return found
