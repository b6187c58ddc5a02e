"""Transcode slots: first come, first served; a cancelled request takes none."""

from __future__ import annotations

import asyncio

import pytest

from providers.local.transcoder.slots import TranscodeSlots


async def test_a_freed_slot_goes_to_the_oldest_request() -> None:
    slots = TranscodeSlots(1)
    served: list[str] = []

    async def broadcast(name: str) -> None:
        await slots.acquire(name)
        served.append(name)
        slots.release()

    await slots.acquire("first")
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        group.create_task(broadcast("second"))
        group.create_task(broadcast("third"))
        await asyncio.sleep(0)
        assert served == []
        slots.release()
    assert (served, slots.used) == (["second", "third"], 0)


async def test_a_cancelled_request_uses_no_slot() -> None:
    slots = TranscodeSlots(0)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await slots.acquire("one")
    assert slots.used == 0


def test_a_negative_limit_is_refused() -> None:
    with pytest.raises(ValueError, match="0 or more"):
        TranscodeSlots(-1)
