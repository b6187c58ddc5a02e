"""The recordings catalogue: order, pages, and what it does with a folder it did not write."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from providers.base import RecordingNotFound, RecordingPosition
from providers.local.storage.port import StorageBackend
from providers.local.storage.recordings import (
    RECORDING_FILE,
    RecordingCatalog,
    StoredRecording,
    decode,
    encode,
    read_all,
    recording_name,
)

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def recording(number: int, *, minutes: int = 0, input_uid: str = "input") -> StoredRecording:
    created = NOON + timedelta(minutes=minutes)
    return StoredRecording(f"{number:032x}", input_uid, "Lesson", created, created, 1000, 4.5, 1280, 720)


def test_a_recording_is_named_as_cloudflare_names_it() -> None:
    assert recording_name("Lesson", datetime(2026, 9, 2, 22, 12, tzinfo=UTC)) == "Lesson 02 Sep 26 22:12 UTC"


def test_a_recording_survives_its_file() -> None:
    assert decode(encode(recording(1))) == recording(1)


def test_pages_go_from_the_newest_to_the_oldest_without_a_gap() -> None:
    catalogue = RecordingCatalog()
    made = [recording(number, minutes=number // 2) for number in range(7)]
    for each in [*made[3:], *made[:3], recording(99, input_uid="other")]:
        catalogue.add(each)
    found: list[StoredRecording] = []
    after = None
    while page := catalogue.page("input", after=after, limit=3):
        found += page
        after = RecordingPosition(page[-1].created, page[-1].uid)
    assert found == made[::-1]


def test_an_unknown_input_has_no_recordings() -> None:
    assert RecordingCatalog().page("nobody") == []


def test_adding_a_recording_again_replaces_it() -> None:
    catalogue = RecordingCatalog()
    catalogue.add(recording(1))
    catalogue.add(recording(1, minutes=5))
    assert [each.created for each in catalogue.page("input")] == [NOON + timedelta(minutes=5)]


def test_the_size_of_all_recordings_follows_each_change() -> None:
    catalog = RecordingCatalog()
    for each in (recording(1), recording(2), replace(recording(1), size=300)):
        catalog.add(each)
    assert (len(catalog), catalog.size) == (2, 1300)
    for uid in (recording(2).uid, recording(2).uid):
        catalog.remove(uid)
    assert ([each.size for each in catalog], catalog.size) == ([300], 300)


def test_a_removed_recording_is_not_found() -> None:
    catalogue = RecordingCatalog()
    catalogue.add(recording(1))
    catalogue.remove(recording(1).uid)
    with pytest.raises(RecordingNotFound):
        catalogue.get(recording(1).uid)


def test_an_unreadable_recording_is_left_out(backend: StorageBackend) -> None:
    for name, data in (("a", encode(recording(1))), ("b", b"{"), ("c", b"[]"), ("d", b'{"uid": 1}')):
        backend.create(name * 32).replace(RECORDING_FILE, data)
    backend.create("e" * 32)  # still running
    catalogue = RecordingCatalog()
    for each in read_all(backend):
        catalogue.add(each)
    assert [each.uid for each in catalogue.page("input")] == [recording(1).uid]
