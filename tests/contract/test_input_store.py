"""What the local provider may expect of its input store, on the twin and on the real one over both databases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from providers.base import InputGone, InputOptions, LatencyMode
from providers.local.ports.inputs import InputStore, MemoryInputStore, StoredInput, key_digest
from tests.contract.stores import opened_store


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
async def inputs(request: pytest.FixtureRequest) -> AsyncIterator[InputStore]:
    if request.param == "memory":
        yield MemoryInputStore()
        return
    async with opened_store(request.param, request) as store:
        yield store.local_inputs


def new_input(request_id: str | None = None) -> StoredInput:
    return StoredInput(
        uid=uuid4().hex,
        request_id=request_id or uuid4().hex,
        owner=str(uuid4()),
        name="News",
        stream_key=uuid4().hex,
        options=InputOptions("https://example.com/slate.png", 12, LatencyMode.LOW),
        created=datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
    )


async def test_what_was_added_is_found_by_uid_and_by_key(inputs: InputStore) -> None:
    new = new_input()
    assert await inputs.add(new) == new
    assert await inputs.get(new.uid) == new
    assert await inputs.by_key(new.stream_key) == new


async def test_what_was_never_added_is_not_found(inputs: InputStore) -> None:
    assert await inputs.get("nobody") is None
    assert await inputs.by_key("no key") is None
    assert await inputs.change("nobody", enabled=False) is None
    assert not await inputs.delete("nobody")


async def test_a_known_request_id_changes_nothing_and_returns_the_first(inputs: InputStore) -> None:
    first = await inputs.add(new_input())
    second = new_input(first.request_id)
    assert await inputs.add(second) == first
    assert await inputs.get(second.uid) is None
    assert await inputs.by_key(second.stream_key) is None


async def test_adding_one_request_at_once_keeps_one_input(inputs: InputStore) -> None:
    request_id = uuid4().hex
    kept = await asyncio.gather(*(inputs.add(new_input(request_id)) for _ in range(50)))
    assert len({each.uid for each in kept}) == 1


async def test_only_what_is_given_changes(inputs: InputStore) -> None:
    new = await inputs.add(new_input())
    changed = await inputs.change(new.uid, keyframe_interval=2.5)
    assert changed is not None and changed.keyframe_interval == 2.5
    changed = await inputs.change(new.uid, enabled=False, options=InputOptions())
    assert changed is not None
    assert (changed.enabled, changed.options, changed.keyframe_interval) == (False, InputOptions(), 2.5)
    assert changed.stream_key == new.stream_key
    assert await inputs.get(new.uid) == changed


async def test_a_changed_key_works_and_the_old_one_does_not(inputs: InputStore) -> None:
    new = await inputs.add(new_input())
    changed = await inputs.change(new.uid, stream_key="another-key")
    assert await inputs.by_key("another-key") == changed
    assert await inputs.by_key(new.stream_key) is None


async def test_an_old_key_is_accepted_until_its_time_is_up(inputs: InputStore) -> None:
    new, until = await inputs.add(new_input()), datetime(2026, 1, 2, 4, tzinfo=UTC)
    changed = await inputs.change(new.uid, stream_key="another-key", old_key_until=until)
    found = await inputs.by_key(new.stream_key)
    assert found is not None and found == changed == await inputs.by_key("another-key")
    assert found.accepts(key_digest(new.stream_key), until - timedelta(seconds=1))
    assert not found.accepts(key_digest(new.stream_key), until)
    assert found.accepts(key_digest("another-key"), until)


async def test_only_the_latest_old_key_is_remembered(inputs: InputStore) -> None:
    new, until = await inputs.add(new_input()), datetime(2026, 1, 2, 4, tzinfo=UTC)
    await inputs.change(new.uid, stream_key="second-key", old_key_until=until)
    await inputs.change(new.uid, stream_key="third-key", old_key_until=until)
    assert await inputs.by_key(new.stream_key) is None
    assert await inputs.by_key("second-key") is not None


async def test_a_deleted_input_is_gone_and_its_request_id_says_so(inputs: InputStore) -> None:
    new = await inputs.add(new_input())
    assert await inputs.delete(new.uid)
    assert not await inputs.delete(new.uid)
    assert await inputs.get(new.uid) is None
    assert await inputs.by_key(new.stream_key) is None
    assert await inputs.change(new.uid, enabled=True) is None
    with pytest.raises(InputGone):
        await inputs.add(new_input(new.request_id))


async def test_no_key_shows_in_a_representation(inputs: InputStore) -> None:
    new = await inputs.add(new_input())
    assert new.stream_key not in repr(await inputs.get(new.uid))
