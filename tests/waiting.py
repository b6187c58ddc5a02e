"""Waiting for what has no event of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

PATIENCE = 40.0
"""Seconds until a test gives up waiting; nothing is measured with it.

Many times what it takes on a machine that is slow and busy, and less than the 45 s after which a player asks by itself whether it
missed something: a test must not pass because of that.
"""


async def until(holds: Callable[[], bool]) -> None:
    """Let background tasks and other processes run until it holds."""
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.002)
