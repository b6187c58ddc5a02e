"""What is stored of recordings, on both databases."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from service.domain.streams.place import Place
from service.domain.streams.recording_details import RecordingDetails
from service.store import Store

START = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
PLACE = Place(uuid4(), uuid4(), is_private=False)
DETAILS = RecordingDetails(START, "Town hall", "The whole of it", 12.5, is_pinned=True)


async def test_details_are_kept_and_replaced(store: Store) -> None:
    assert await store.recordings.recording_details(["a", "b"]) == {}
    assert await store.recordings.keep_details("a", "local", PLACE, DETAILS)
    later = replace(DETAILS, name=None, thumbnail_time=None, updated_at=START + timedelta(seconds=1))
    assert await store.recordings.keep_details("b", "local", PLACE, DETAILS)
    assert await store.recordings.keep_details("a", "local", PLACE, later)
    assert await store.recordings.recording_details(["a", "b", "c"]) == {"a": later, "b": DETAILS}
    assert await store.recordings.recording_details([]) == {}


async def test_one_of_many_deletions_is_the_first_and_it_is_final(store: Store) -> None:
    await store.recordings.keep_details("a", "local", PLACE, DETAILS)
    marked = await asyncio.gather(
        *(store.recordings.mark_recording_deleted("a", "local", PLACE, START) for _ in range(10))
    )
    assert sorted(marked) == [False] * 9 + [True]
    assert not await store.recordings.keep_details("a", "local", PLACE, DETAILS)
    (found,) = (await store.recordings.recording_details(["a"])).values()
    assert found == RecordingDetails(START, deleted=True)


async def test_deleted_media_is_listed_until_it_is_gone(store: Store) -> None:
    for at, uid in enumerate(("b", "a", "c")):
        await store.recordings.mark_recording_deleted(uid, "local", PLACE, START + timedelta(seconds=at))
    await store.recordings.mark_recording_deleted("d", "cloudflare", PLACE, START)
    assert await store.recordings.media_to_delete("local", 2) == ["b", "a"]
    await store.recordings.note_media_deleted("b", START)
    assert await store.recordings.media_to_delete("local", 10) == ["a", "c"]
