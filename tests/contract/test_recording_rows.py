"""What the local provider may expect of the rows of its recordings, on the twin and on the real ones over both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from providers.local.recording_rows import MemoryRecordingRows, RecordingRows
from providers.local.storage.recordings import StoredRecording
from tests.contract.stores import opened_store

MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)

ONE = StoredRecording("1" * 32, "a" * 32, "Lesson 02 Jan 26", MOMENT, MOMENT, 5 << 40, 3600.125, 1920, 1080)
TWO = replace(ONE, uid="2" * 32, width=0, height=0)


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
async def rows(request: pytest.FixtureRequest) -> AsyncIterator[RecordingRows]:
    if request.param == "memory":
        yield MemoryRecordingRows()
        return
    async with opened_store(request.param, request) as store:
        yield store.local_recordings


async def found(rows: RecordingRows) -> list[StoredRecording]:
    return sorted(await rows.all(), key=lambda each: each.uid)


async def test_recordings_are_put_replaced_and_removed(rows: RecordingRows) -> None:
    await rows.put([])
    await rows.put([TWO, ONE])
    assert await found(rows) == [ONE, TWO]
    longer = replace(ONE, duration=7200.5)
    await rows.put([longer])
    assert await found(rows) == [longer, TWO]
    await rows.remove([ONE.uid, "3" * 32])
    await rows.remove([])
    assert await found(rows) == [TWO]


async def test_more_rows_than_one_statement_takes_are_removed(rows: RecordingRows) -> None:
    many = [replace(ONE, uid=f"{number:032x}") for number in range(1100)]
    await rows.put(many)
    await rows.remove([each.uid for each in many[1:]])
    assert await found(rows) == many[:1]
