"""Transcode slots: who waits longest is served first, and who gives up takes none."""

from __future__ import annotations

import asyncio

import pytest

from providers.local.transcoder.slots import TranscodeSlots


async def test_a_slot_that_is_given_back_goes_to_the_one_who_waits_longest() -> None:
    slots = TranscodeSlots(1)
    served: list[str] = []

    async def broadcast(name: str) -> None:
        await slots.take(name)
        served.append(name)
        slots.release()

    await slots.take("first")
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        group.create_task(broadcast("second"))
        group.create_task(broadcast("third"))
        await asyncio.sleep(0)
        assert served == []
        slots.release()
    assert (served, slots.used) == (["second", "third"], 0)


async def test_who_stops_waiting_takes_no_slot() -> None:
    slots = TranscodeSlots(0)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await slots.take("one")
    assert slots.used == 0


def test_a_limit_below_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="0 or more"):
        TranscodeSlots(-1)
